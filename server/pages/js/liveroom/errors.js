// What can go wrong, and what each close code means for reconnecting. No transport in here.

/** A refusal or failure: a stable `code`, the server's `message` (for logs), `retryMs` (0 = do not repeat on your own). */
export class LiveroomError extends Error {
  constructor(code, message = code, { retryMs = 0, details = null, status = 0 } = {}) {
    super(message);
    this.name = "LiveroomError";
    this.code = code;
    this.retryMs = retryMs;
    this.details = details;
    this.status = status;
  }

  /** From the wire's `{"code","message","retry_ms","details"?}`. */
  static fromWire(err, status = 0) {
    const { code = "unavailable", message = code, retry_ms: retryMs = 0, details = null } = err ?? {};
    return new LiveroomError(code, message, { retryMs, details, status });
  }
}

export const CLOSE_TOKEN_EXPIRED = 4401;
export const CLOSE_BAD_TOKEN = 4501;
export const CLOSE_BANNED = 4503;
export const CLOSE_KICKED = 4505;
export const CLOSE_ROOM_ENDED = 4510;
export const CLOSE_RESYNC = 4009;

/** 4500–4999 are final; everything else is worth another attempt. */
export function mayReconnect(closeCode) {
  return !(closeCode >= 4500 && closeCode <= 4999);
}

/** Commands whose repetition changes nothing: a receipt is the same receipt, a purchase carries a key. */
const REPEATABLE_OPS = new Set(["sale.buy", "lottery.join", "poll.vote", "question.ask", "question.vote", "auction.bid", "card.seen", "queue.join", "queue.status", "waitlist.join", "waitlist.leave", "waitlist.status"]);

export function isRepeatable(op) {
  return REPEATABLE_OPS.has(op);
}
