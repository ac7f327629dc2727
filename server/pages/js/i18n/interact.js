// The words of polls, questions, auctions and the run-sheet, for player and console.

import { addWords } from "../i18n.js";
import en from "./interact.en.js";
import zh from "./interact.zh.js";

addWords({ zh, en });
