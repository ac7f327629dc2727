// Which part of everything that is one's own is open: orders, coupons, points or wins; null while the sheet is closed.

import { signal } from "@preact/signals-core";

export const TABS = ["orders", "coupons", "points", "wins"];
export const myTab = signal(null);
