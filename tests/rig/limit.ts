import { after } from "node:test";
import { endAll } from "./living.js";

/** What hangs must not hang the whole run: far longer than any of these tests takes on a busy machine. */
export const LIMIT = { timeout: 120_000 };

after(endAll);
