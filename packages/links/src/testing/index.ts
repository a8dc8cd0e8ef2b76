export * from "./frame-corpus.js";
