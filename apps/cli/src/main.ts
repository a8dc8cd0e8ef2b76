#!/usr/bin/env node
import { runCli } from "./run-cli.js";

const code = await runCli(process.argv.slice(2), process.env);
// Undefined: an app was started in this process, and ends it by itself.
if (code !== undefined) process.exitCode = code;
