import { connect } from "node:net";

// A TCP connection whose far end is this process, wherever it was started: what comes in goes out.
const [host, port] = process.argv.slice(2);
const socket = connect(Number(port), host);
socket.on("error", ({ code }: NodeJS.ErrnoException) => {
  process.stderr.write(code ?? "error");
  process.exit(1);
});
process.stdin.pipe(socket);
socket.pipe(process.stdout);
