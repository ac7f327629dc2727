// uWebSockets (C++ under Node): its own publish/subscribe, one topic. Port: the first argument.
// It joins what one turn of its loop sends to a viewer. No tokens, no history, no limits, no compression.
const uws = require("@trufflesuite/uws-js-unofficial");

if (!uws._cfg) throw new Error("only the package's fallback in JavaScript runs here");
const app = uws.App();
app.ws("/*", {
  compression: uws.DISABLED,
  idleTimeout: 0,
  maxBackpressure: 64 * 1024 * 1024, // drops nothing: an overload shows as delay, as with the others
  sendPingsAutomatically: false,
  open: (socket) => socket.subscribe("room"),
  message: (socket, text) => app.publish("room", text, false),
});
app.listen("127.0.0.1", Number(process.argv[2]), (listening) => {
  if (!listening) throw new Error("cannot listen");
});
