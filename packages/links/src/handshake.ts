import { asciiText } from "@vigil/protocol";
import { type Random, VigilError } from "@vigil/shared";
import { type ControlInit, type ControlMessage, compatible, LINK_PROTOCOL } from "./control.js";
import { type HandshakeNonces, NONCE_BYTES, proofMatches, proofOf } from "./proofs.js";

/** Who a part said it is, and proved. */
export interface ProvenPart {
  readonly name: string;
  readonly secret: string;
  readonly bootId: string;
  readonly generation: number;
  readonly software: string;
  readonly nonces: HandshakeNonces;
}

/** One side of the handshake: feed it what comes, it sends, and it returns its result once it is done. */
export interface Handshake<Result> {
  /** @throws VigilError "unauthenticated" | "bad_frame": tell the peer and close. */
  receive(message: ControlMessage): Result | undefined;
}

/**
 * The gateway's side: hello, challenge with our own proof, the part's proof. A part that we do not know gets a
 * challenge as well, so that names cannot be found out by asking.
 */
export function createGatewayHandshake(
  deps: { readonly random: Random; send(frame: ControlInit): void; secretOf(part: string): string | undefined },
  software: string,
): Handshake<ProvenPart> {
  const gatewayNonce = deps.random.bytes(NONCE_BYTES);
  let pending: ProvenPart | undefined;
  return {
    receive(message) {
      if (!pending && message.case === "hello") {
        const { part, nonce, bootId, generation, protocol, software: theirs } = message.value;
        if (!isPartName(part)) throw new VigilError("bad_frame", "whoever dialled says no name that a part may have");
        if (!compatible(protocol)) {
          throw new VigilError(
            "bad_request",
            `part ${part} speaks link protocol ${readableVersion(protocol)}, this gateway ${LINK_PROTOCOL}: update the older of the two`,
          );
        }
        if (nonce.length !== NONCE_BYTES) throw new VigilError("bad_frame", "the part's nonce has the wrong length");
        const secret = deps.secretOf(part) ?? Buffer.from(deps.random.bytes(NONCE_BYTES)).toString("hex");
        const nonces = { part, partNonce: nonce, gatewayNonce };
        pending = { name: part, secret, bootId, generation, software: theirs, nonces };
        deps.send({
          case: "challenge",
          value: {
            nonce: gatewayNonce,
            proof: proofOf(secret, "vigil gateway", nonces),
            protocol: LINK_PROTOCOL,
            software,
          },
        });
        return undefined;
      }
      if (pending && message.case === "proof") {
        if (proofMatches(proofOf(pending.secret, "vigil part", pending.nonces), message.value.proof)) return pending;
        throw new VigilError(
          "unauthenticated",
          `part ${pending.name}: wrong secret, or no such part in the gateway's configuration; compare "secret" in both files`,
        );
      }
      throw new VigilError("bad_frame", `a ${message.case} frame has no place in the handshake`);
    },
  };
}

/**
 * What the configuration lets a part be called (compat.md, section 1). Names and versions are said by who has proved
 * nothing yet, and come to the log: they are no place for control characters or megabytes.
 */
const PART_NAME = /^[a-zA-Z0-9][-\w]{0,99}$/;
const VERSION = /^\d{1,5}\.\d{1,5}$/;

export const isPartName = (name: string): boolean => PART_NAME.test(name);

function readableVersion(protocol: string): string {
  return VERSION.test(protocol) ? protocol : "(none that is known here)";
}

/** What a part learns from its handshake. */
export interface ProvenGateway {
  readonly nonces: HandshakeNonces;
  readonly software: string;
  readonly windowMs: number;
  readonly dataToken: string;
  readonly dataChannel: boolean;
  readonly maxCommandAgeMs: number;
}

export interface PartIdentity {
  readonly name: string;
  readonly secret: string;
  readonly bootId: string;
  readonly generation: number;
}

/** The part's side. It sends its hello at once and gives its proof only to a gateway that knows the secret. */
export function createPartHandshake(
  deps: { readonly random: Random; send(frame: ControlInit): void },
  identity: PartIdentity,
  software: string,
): Handshake<ProvenGateway> {
  const partNonce = deps.random.bytes(NONCE_BYTES);
  let nonces: HandshakeNonces | undefined;
  let theirs = "";
  deps.send({
    case: "hello",
    value: {
      part: identity.name,
      nonce: partNonce,
      bootId: identity.bootId,
      generation: identity.generation,
      protocol: LINK_PROTOCOL,
      software,
    },
  });
  return {
    receive(message) {
      if (message.case === "refusal") {
        throw new VigilError("unauthenticated", asciiText(message.value.message));
      }
      if (!nonces && message.case === "challenge") {
        const { nonce, proof, protocol, software: gatewaySoftware } = message.value;
        const candidate = { part: identity.name, partNonce, gatewayNonce: nonce };
        if (!compatible(protocol)) {
          throw new VigilError(
            "bad_request",
            `the gateway speaks link protocol ${readableVersion(protocol)}, this part ${LINK_PROTOCOL}`,
          );
        }
        if (!proofMatches(proofOf(identity.secret, "vigil gateway", candidate), proof)) {
          throw new VigilError(
            "unauthenticated",
            `the gateway does not know the secret of part ${identity.name}; compare "secret" in both files`,
          );
        }
        nonces = candidate;
        theirs = gatewaySoftware;
        deps.send({ case: "proof", value: { proof: proofOf(identity.secret, "vigil part", nonces) } });
        return undefined;
      }
      if (nonces && message.case === "welcome") return { nonces, software: theirs, ...message.value };
      throw new VigilError("bad_frame", `a ${message.case} frame has no place in the handshake`);
    },
  };
}
