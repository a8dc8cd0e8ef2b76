import { createHash, timingSafeEqual } from "node:crypto";
import type { Metadata } from "@vigil/protocol";
import { type AuthConfig, type Clock, type Random, uuid, VigilError } from "@vigil/shared";
import { exportJWK, generateKeyPair, importJWK, type JWTVerifyGetKey, jwtVerify, SignJWT } from "jose";

/** Who calls, and the tokens that prove it (compat.md, section 6). */
export interface Identity {
  /** False: everybody may come in. */
  readonly required: boolean;
  /**
   * AuthService/Authenticate. Without authentication every credential is accepted, since an SDK that is given
   * credentials refuses to connect to a server that does not know the service.
   * @throws VigilError "unauthenticated" | "bad_request"
   */
  authenticate(entity: string, type: string | undefined, payload: string): Promise<string>;
  /** The caller's entity from its bearer token; undefined without authentication. @throws VigilError "unauthenticated" */
  identify(authorization: string | undefined): Promise<string | undefined> | string | undefined;
}

export interface IdentityOptions {
  readonly auth: AuthConfig;
  readonly robot: string;
}

/** Tokens remembered as verified: a call then costs a look-up instead of a signature check. */
const MAX_REMEMBERED_TOKENS = 1024;

const digest = (text: string) => createHash("sha256").update(text).digest();

export async function createIdentity(
  deps: { readonly clock: Clock; readonly random: Random },
  { auth, robot }: IdentityOptions,
): Promise<Identity> {
  const { publicKey, privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  const keyId = (await exportJWK(publicKey)).x!;
  const externalKeys = new Map(
    await Promise.all(auth.externalKeys.map(async (key) => [key.kid, await importJWK(key, key.alg)] as const)),
  );
  const verified = new Map<string, string>();

  const keyFor: JWTVerifyGetKey = ({ kid, alg }) => {
    if (kid === keyId && alg === "EdDSA") return publicKey;
    const external = kid === undefined ? undefined : externalKeys.get(kid);
    if (external) return external;
    throw new VigilError("unauthenticated", "this server did not sign this JWT; authenticate again");
  };

  async function verify(token: string): Promise<string> {
    try {
      const { payload, protectedHeader } = await jwtVerify(token, keyFor, { audience: robot });
      if (protectedHeader.kid !== keyId && payload.rpc_creds_type !== "external") {
        throw new VigilError("unauthenticated", 'unauthenticated: the token lacks rpc_creds_type "external"');
      }
      if (typeof payload.sub !== "string")
        throw new VigilError("unauthenticated", "unauthenticated: the token names nobody");
      // A token of our own never expires; one of others may, and is looked at each time.
      if (protectedHeader.kid === keyId) {
        if (verified.size >= MAX_REMEMBERED_TOKENS) verified.clear();
        verified.set(token, payload.sub);
      }
      return payload.sub;
    } catch (error) {
      if (error instanceof VigilError) throw error;
      throw new VigilError("unauthenticated", `unauthenticated: ${VigilError.from(error).message}`, { cause: error });
    }
  }

  return {
    required: auth.required,
    async authenticate(entity, type, payload) {
      if (auth.required) {
        if (type === undefined) throw new VigilError("bad_request", "credentials required");
        if (type !== "api-key") {
          throw new VigilError("bad_request", `do not know how to handle credential type "${type}"`);
        }
        const key = auth.apiKeys[entity];
        // Compared in constant time and also for unknown ids, so that neither tells anything.
        const matches = timingSafeEqual(digest(payload), digest(key ?? ""));
        if (key === undefined || !matches) throw new VigilError("unauthenticated", "invalid credentials");
      }
      return new SignJWT({ rpc_creds_type: type ?? "none" })
        .setProtectedHeader({ alg: "EdDSA", kid: keyId })
        .setIssuer(robot)
        .setAudience(robot)
        .setSubject(entity)
        .setIssuedAt(Math.floor(deps.clock.wall() / 1000))
        .setJti(uuid(deps.random))
        .sign(privateKey);
    },
    identify(authorization) {
      if (!auth.required) return undefined;
      if (authorization === undefined) throw new VigilError("unauthenticated", "authentication required");
      if (!authorization.startsWith("Bearer ")) {
        throw new VigilError("unauthenticated", 'unauthenticated: the authorization must begin with "Bearer "');
      }
      const token = authorization.slice("Bearer ".length);
      return verified.get(token) ?? verify(token);
    },
  };
}

/** The authorization of a call's metadata. */
export const authorizationOf = (metadata: Metadata): string | undefined => metadata.get("authorization")?.[0];
