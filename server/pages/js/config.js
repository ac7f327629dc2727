// What this server says of itself, asked once a page: dev mode, and which payment providers are open.

import { signal } from "@preact/signals-core";

import * as api from "./api.js";

/** `{dev, version, providers}`; null until the server has said. */
export const config = signal(null);

const asking = api.get("/v1/config").then((told) => (config.value = told), () => (config.value = { dev: false, providers: ["sandbox"] }));

/** Resolves to it; a server that does not say is taken for one with play money, and refuses what it has not. */
export const knownConfig = () => asking.then(() => config.value);
