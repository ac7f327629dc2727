// Where this visitor came from, as the link says it, and the link they pass on in their own name.

const ID = /^[A-Za-z0-9_-]{1,64}$/;
const NAMES = ["src", "channel", "bucket", "inviter"];

/** What the address says of where its visitor came from: only well-formed ids, only what is there. */
export function entryOf(search) {
  const given = new URLSearchParams(search);
  const found = NAMES.map((name) => [name, given.get(name) ?? ""]).filter(([, value]) => ID.test(value));
  return Object.fromEntries(found);
}

/** The address of a room for others. The channel and the bucket a visitor came by are passed on; the inviter is who shares. */
export function shareLink(origin, roomId, { user, entry = {} } = {}) {
  const link = new URL(`/room/${encodeURIComponent(roomId)}`, origin);
  link.searchParams.set("src", "share");
  if (user && user.role !== "guest") link.searchParams.set("inviter", user.id);
  for (const name of ["channel", "bucket"]) if (entry[name]) link.searchParams.set(name, entry[name]);
  return link.href;
}
