// Who is here: the token of this tab. It comes from the address (`#token=…`, taken out of it at once)
// or, where the server allows it, from a nickname. Kept in sessionStorage: one tab, one person.

import { signal } from "@preact/signals-core";

import { LiveroomError } from "./liveroom/errors.js";

const KEY = "liveroom.session";
const EARLY_MS = 30_000; // a token this close to its end is renewed before use

/** The person of this tab: `{id, name, role}`, or null for a guest. */
export const me = signal(null);

let current = null;

function claims(token) {
  try {
    const part = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (char) => char.charCodeAt(0))));
  } catch {
    return {};
  }
}

function adopt(held) {
  current = held;
  me.value = held?.user ?? null;
  if (held) sessionStorage.setItem(KEY, JSON.stringify(held));
  else sessionStorage.removeItem(KEY);
  return held;
}

function fromToken(token) {
  const { sub, name, role = "viewer", exp } = claims(token);
  return { token, user: { id: sub ?? "", name: name ?? sub ?? "", role }, expiresMs: exp ? exp * 1000 : 0, renewable: false };
}

function fromAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return null;
  history.replaceState(history.state, "", location.pathname + location.search);
  return adopt(fromToken(token));
}

/** The token to send, or null for a guest. */
export const token = () => current?.token ?? null;

/** Staff may run the show: console, moderation. */
export const isStaff = (user = me.value) => ["assistant", "host", "operator", "admin"].includes(user?.role);

/** Signs in by nickname (servers in development mode only); rejects with a LiveroomError. */
export async function login(name, { role = "viewer", sub, room } = {}) {
  const body = { name, role, ...(sub && { sub }), ...(room && { room }) };
  const response = await fetch("/v1/dev/token", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }).catch(() => {
    throw new LiveroomError("offline");
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw LiveroomError.fromWire(answer.err ?? { code: response.status === 404 ? "login_closed" : "unavailable" }, response.status);
  return adopt({ token: answer.token, user: answer.user, expiresMs: answer.expires_ms ?? 0, renewable: true }).user;
}

export function logout() {
  adopt(null);
}

/** For the client's `token` option: the token, renewed when it has ended or is about to. Null when it cannot be. */
export async function freshToken({ refresh = false } = {}) {
  const ending = current?.expiresMs && current.expiresMs - Date.now() < EARLY_MS;
  if (!current || !(refresh || ending)) return token();
  if (!current.renewable) return refresh ? null : token();
  const { id, name, role } = current.user;
  await login(name, { sub: id, role });
  return token();
}

const DEVICE_KEY = "liveroom.device";

/** What this browser calls itself, so that limits can be per device: random, the same in every tab, of no other use. */
export function deviceId() {
  try {
    const known = localStorage.getItem(DEVICE_KEY);
    if (known) return known;
    const made = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    localStorage.setItem(DEVICE_KEY, made);
    return made;
  } catch {
    return undefined; // storage is closed to us: then there is no such limit
  }
}

function restore() {
  try {
    return adopt(JSON.parse(sessionStorage.getItem(KEY)));
  } catch {
    return null;
  }
}

fromAddress() ?? restore();
globalThis.addEventListener?.("hashchange", fromAddress);
