// An echo server in a separate process, since ten thousand sockets are ten thousand open files. Prints its port.
import { createServer } from 'node:net';

const server = createServer((socket) => {
  socket.on('data', (data) => socket.write(data));
  socket.on('error', () => undefined);
});
server.listen(0, '127.0.0.1', 4096, () => console.log(server.address().port));
process.on('disconnect', () => process.exit(0));
