import { createInterface } from "node:readline";
import { dialChannel } from "./clients/raw-channel.js";
import { message } from "./grpc-web-bytes.js";

// A client on a data channel without any SDK, wherever it was started: each line that comes in is a power for the base,
// each that goes out the code of the answer.
const [url] = process.argv.slice(2);
const channel = await dialChannel(url!);
process.stdout.write("open\n");
createInterface({ input: process.stdin }).on("line", async (line) => {
  const request = message([
    [1, "base"],
    [2, message([[2, Number(line)]])],
  ]);
  const { code } = await channel.call("/viam.component.base.v1.BaseService/SetPower", request);
  process.stdout.write(`${code}\n`);
});
