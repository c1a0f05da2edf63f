// A backend over TLS. Arguments: its port, a PEM file with its certificate and key, and what it speaks: "both" HTTP/2 and
// HTTP/1.1, "websockets" (both, with RFC 8441), "single" (both, with one stream for each connection), "http2" or "http1".
const crypto = require("crypto");
const fs = require("fs");
const http2 = require("http2");
const https = require("https");

const [port, pem, speaks] = process.argv.slice(-3);
const both = fs.readFileSync(pem);
const { NGHTTP2_REFUSED_STREAM, NGHTTP2_HTTP_1_1_REQUIRED } = http2.constants;
const seen = new Set();
let sessions = 0;

function collect(request, then) {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => then(Buffer.concat(pieces)));
}

function answer(request, response) {
  const { pathname, search } = new URL(request.url, "https://backend.test");
  const isHttp2 = request.httpVersionMajor === 2;
  response.on("error", () => {});
  request.on("error", () => {});
  if (isHttp2 && request.stream.session.isSilent) return;
  switch (pathname) {
    case "/sessions":
      return response.end(String(sessions));
    case "/scheme":
      return response.end(String(request.headers[":scheme"]));
    case "/echo":
      return collect(request, (body) => {
        response.setHeader("trailer", "x-sum");
        response.write(body);
        const sum = crypto.createHash("sha256").update(body).digest("hex");
        response.addTrailers({ "x-sum": sum, "x-from": String(request.trailers["x-up"]) });
        response.end();
      });
    case "/connection":
      return response.end(isHttp2 ? "shared" : `HTTP/1.1 connection ${request.socket.number}`);
    case "/silent":
      // It looks open, and answers nothing any more.
      request.stream.session.isSilent = true;
      return;
    case "/large":
      return response.end(Buffer.alloc(Number(search.slice(1)), "a"));
    case "/endless": {
      const piece = Buffer.alloc(65536);
      const more = () => {
        while (!response.destroyed && response.write(piece));
      };
      response.on("drain", more);
      return more();
    }
    case "/refused":
      if (isHttp2 && !seen.has(search)) {
        seen.add(search);
        return response.stream.close(NGHTTP2_REFUSED_STREAM);
      }
      return collect(request, (body) => response.end(body));
    case "/only-http1":
      if (isHttp2) return response.stream.close(NGHTTP2_HTTP_1_1_REQUIRED);
      return collect(request, (body) => response.end(body));
    case "/leaving":
      return collect(request, (body) => {
        response.end(body);
        if (isHttp2) request.stream.session.close();
      });
    case "/dies":
      response.writeHead(200, { "content-length": "100000" });
      return response.write(Buffer.alloc(20000), () => request.socket.destroy());
    default:
      return response.end(`${request.httpVersion} ${request.headers.upgrade}`);
  }
}

const settings = { enableConnectProtocol: speaks === "websockets" };
if (speaks === "single") settings.maxConcurrentStreams = 1;
const server =
  speaks === "http1"
    ? https.createServer({ key: both, cert: both }, answer)
    : http2.createSecureServer(
        { key: both, cert: both, allowHTTP1: speaks !== "http2", settings },
        answer,
      );
server.on("secureConnection", (socket) => {
  sessions += 1;
  socket.number = sessions;
});
server.on("connect", (request, response) => {
  if (request.headers[":protocol"] !== "websocket" || request.headers["sec-websocket-key"]) {
    response.stream.respond({ ":status": 400 }, { endStream: true });
    return;
  }
  response.stream.respond({ ":status": 200, "x-by": "http2" });
  response.stream.pipe(response.stream);
});
server.on("upgrade", (request, socket) => {
  const key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  const accept = crypto.createHash("sha1").update(key).digest("base64");
  const head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  socket.write(`${head}X-By: http1\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.on("error", () => {});
  socket.pipe(socket);
});
server.listen(port, "127.0.0.1", () => console.log("listening"));
