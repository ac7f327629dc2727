// ws (Node): what a client says goes to every client, as the package's README shows. Port: the first argument.
// No tokens, no history, no limits; one frame per viewer and message, no compression.
const { WebSocket, WebSocketServer } = require("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 4096 });
server.on("connection", (socket) => {
  socket.on("error", () => socket.terminate());
  socket.on("message", (text) => {
    for (const client of server.clients) {
      if (client.readyState === WebSocket.OPEN) client.send(text, { binary: false });
    }
  });
});
