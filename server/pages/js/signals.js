// The client's state as signals, one for each top-level key, so that a component is drawn anew only for what it reads.

import { signal } from "@preact/signals-core";

/** One per client. `part(key)` is a signal of `client.state[key]`; also `status`, `user` and `drops`. */
export function observe(client) {
  const parts = new Map();
  const status = signal({ status: client.status, via: client.via, closeCode: null, retryMs: 0, attempt: 0 });
  const user = signal(client.user);
  const drops = signal(client.dropped);

  function part(key) {
    if (!parts.has(key)) parts.set(key, signal(client.state[key]));
    return parts.get(key);
  }

  client.on("state", (state, keys) => {
    for (const key of keys) if (parts.has(key)) parts.get(key).value = state[key];
  });
  client.on("status", (now) => (status.value = now));
  client.on("hello", (hello) => (user.value = hello.user));
  client.on("drop", (_now, totals) => (drops.value = totals));
  return { part, status, user, drops };
}
