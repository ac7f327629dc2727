// The words of the audit trail, for the console.

import { addWords } from "../i18n.js";
import en from "./trail.en.js";
import zh from "./trail.zh.js";

addWords({ zh, en });
