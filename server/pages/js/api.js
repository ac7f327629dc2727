// HTTP to the server: JSON, the session's token, and the same error codes as the socket.

import { LiveroomError } from "./liveroom/errors.js";
import * as session from "./session.js";

const ANSWER_MS = 10_000;

async function call(method, path, body, options = {}) {
  try {
    return await once(method, path, body, { ...options, token: options.token ?? (await session.freshToken()) });
  } catch (error) {
    if (error.code !== "token_expired" || options.token) throw error;
    return once(method, path, body, { ...options, token: await session.freshToken({ refresh: true }) });
  }
}

async function once(method, path, body, { key, token }) {
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  const request = { method, headers, signal: AbortSignal.timeout(ANSWER_MS) };
  if (body !== undefined) request.body = JSON.stringify(body);
  const response = await fetch(path, request).catch((error) => {
    throw new LiveroomError(error.name === "TimeoutError" ? "timeout" : "offline", error.message);
  });
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  throw LiveroomError.fromWire(answer?.err ?? { code: codeOf(response.status) }, response.status);
}

function codeOf(status) {
  return { 401: "unauthorized", 403: "forbidden", 404: "not_found", 409: "conflict", 429: "rate_limited" }[status] ?? (status < 500 ? "bad_request" : "unavailable");
}

/** Both reject with a LiveroomError: the server's code, or `offline` / `timeout`. */
export const get = (path, options) => call("GET", path, undefined, options);
export const post = (path, body = {}, options) => call("POST", path, body, options);

/** One command over HTTP, the same object as over the socket. */
export const command = (roomId, op, params = {}, options) =>
  post(`/v1/rooms/${encodeURIComponent(roomId)}/commands`, { op, ...params }, options);
