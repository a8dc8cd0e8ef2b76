/** Bounds of the listening port: each with its reason, so that a change can be judged. */

/** The largest gRPC message, both ways: 32 MiB, what Viam's servers and SDKs allow (compat.md, section 9). */
export const MAX_MESSAGE_BYTES = 2 ** 25;

/**
 * A message over the limit is read to its end and dropped before it is refused, up to this size: twice what a client
 * that does not know the limit may mean in earnest. Who announces more is refused at once.
 */
export const MAX_SKIPPED_BYTES = 2 ** 27;

/**
 * Bytes of a call's responses that may wait for a slow reader. Over it the call ends with RESOURCE_EXHAUSTED. A message
 * is let in while less than this waits, so one call holds at most this and one message.
 */
export const MAX_QUEUED_BYTES_PER_CALL = 2 ** 23;

/** The same for all calls of one connection, or 256 slow streams would hold gigabytes. */
export const MAX_QUEUED_BYTES_PER_CONNECTION = 2 ** 26;

/** Calls that one HTTP/2 connection may have open: as many as viam-server allows streams on a data channel. */
export const MAX_CONCURRENT_STREAMS = 256;

/** Request headers: a token of 2 KiB and a screenful of metadata fit several times. */
export const MAX_HEADER_BYTES = 16_384;

/** Header fields of a request; Node counts pairs before it counts bytes. */
export const MAX_HEADER_PAIRS = 128;

/** Sockets accepted at a time; a descriptor each, and systemd's default limit is 1,024 before it is raised. */
export const MAX_CONNECTIONS = 900;

/** PINGs that may be unanswered at a time: ten a window (rules.md, R1), for several windows, and bulk's markers. */
export const MAX_OUTSTANDING_PINGS = 128;

/** What an HTTP/2 session may hold in Node, in MB: the default of 10 with room for one largest message each way. */
export const MAX_SESSION_MEMORY_MB = 80;

/** Frames that break the protocol before the session is ended (Node's default of 1,000 is a lot of patience). */
export const MAX_INVALID_FRAMES = 100;

/** Streams refused on one session before it is ended: a client that ignores MAX_CONCURRENT_STREAMS. */
export const MAX_REJECTED_STREAMS = 100;

/** Receive window of a stream and of a session: camera and map uploads run at full LAN speed, one call cannot fill it. */
export const STREAM_WINDOW_BYTES = 2 ** 18;
export const SESSION_WINDOW_BYTES = 2 ** 20;

/** From accept, or the TLS hello, to the bytes that tell the protocol: a hand-typed probe is done by then. */
export const FIRST_BYTES_TIMEOUT_MS = 10_000;

/** From a connection's start, or its last response, to a whole HTTP/1.1 request head (slow loris, idle keep-alive). */
export const REQUEST_HEAD_TIMEOUT_MS = 65_000;

/** The first request head of an HTTP/1.1 connection must be whole within this. */
export const FIRST_HEAD_TIMEOUT_MS = 10_000;

/** From the head of an HTTP/1.1 request to the end of its body: 32 MiB at 0.5 MB/s. */
export const REQUEST_BODY_TIMEOUT_MS = 65_000;

/** After its answer a call whose client goes on sending is ended; unary clients end within a round trip. Below CLOSE_GRACE_MS. */
export const ANSWERED_STREAM_GRACE_MS = 250;

/** TCP keepalive: first probe after 1 s; libuv then probes each second, ten times (rules.md, R1). */
export const TCP_KEEPALIVE_MS = 1_000;

/**
 * TCP gives an HTTP/1.1 connection up when what was sent on it has not been acknowledged for this long: as long as
 * keepalive takes, which does not run while data is under way. Linux would repeat the data for 15 minutes, and an open
 * call would count as life for all that time (rules.md, R1, scenario 27).
 */
export const TCP_SILENCE_MS = 10_000;

/** How long `close` waits for answers to leave before it destroys what is left. */
export const CLOSE_GRACE_MS = 500;

/** How long a browser may keep a preflight's answer; Chromium caps it at two hours. */
export const PREFLIGHT_MAX_AGE_SECONDS = 7_200;

/** What a call sends before it counts as bulk: answers of commands never wait behind camera images. */
export const UNPACED_BYTES_PER_CALL = 16_384;

/** Bulk leaves in pieces of this size, so that calls can take turns and HTTP/2 frames stay at their usual size. */
export const BULK_CHUNK_BYTES = 16_384;

/**
 * Bulk that may be on its way unconfirmed. It starts at what fast LANs need, and moves with the measured delay: at the
 * least two pieces, or nothing would flow; at the most what 1 Gbit/s carries in 30 ms. A challenge waits about as long
 * behind bulk as the delay that shrinks it, which must be small against the shortest usual window (300 ms).
 */
export const BULK_WINDOW = {
  leastBytes: 2 ** 15,
  firstBytes: 2 ** 17,
  mostBytes: 2 ** 22,
  lowMs: 10,
  highMs: 30,
} as const;

/** Confirmations that a window of bulk asks for: each lets that part of it follow in one burst, which must be short. */
export const BULK_MARKERS_PER_WINDOW = 16;

/** Pause before the next try when a marker could not be sent (too many PINGs unanswered). */
export const MARKER_RETRY_MS = 100;

/** How often an HTTP/2 connection is asked whether anybody is there: far below the limits beside it. */
export const PEER_CHECK_MS = 2_500;

/**
 * Silence after which an HTTP/2 connection is given up. `other`: as long as TCP keepalive takes (rules.md, R1), where no
 * session hangs on it. `client`: beyond the longest window (1 min), so that a session ends by its own rule first.
 */
export const PEER_SILENCE_MS = { client: 75_000, other: 10_000 } as const;
