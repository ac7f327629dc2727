// The words of the shop, for every page that sells: player and cashier.

import { addWords } from "../i18n.js";
import en from "./shop.en.js";
import zh from "./shop.zh.js";

addWords({ zh, en });
