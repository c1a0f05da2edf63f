/** Made by `scripts/split-messages.js`. */
declare module '*.json?first' {
  const messages: Record<string, string>;
  export default messages;
}
declare module '*.json?rest' {
  const messages: Record<string, string>;
  export default messages;
}
