// The words of red-packet rains and gifts, for the player and the console.

import { addWords } from "../i18n.js";
import en from "./handouts.en.js";
import zh from "./handouts.zh.js";

addWords({ zh, en });
