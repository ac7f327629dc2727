// The words of conditions, claims and replacements, for the player and the console.

import { addWords } from "../i18n.js";
import en from "./prizes.en.js";
import zh from "./prizes.zh.js";

addWords({ zh, en });
