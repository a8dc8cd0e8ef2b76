import assert from "node:assert/strict";
import { test } from "node:test";
import { type AuthConfig, createSystemClock, systemRandom, VigilError } from "@vigil/shared";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { createIdentity } from "./identity.js";

const deps = { clock: createSystemClock(), random: systemRandom };
const OPEN: AuthConfig = { required: false, apiKeys: {}, externalKeys: [] };
const KEYED: AuthConfig = { required: true, apiKeys: { "key-1": "swordfish" }, externalKeys: [] };

const refused = (reason: string, text: RegExp) => (error: unknown) =>
  error instanceof VigilError && error.reason === reason && text.test(error.message);

test("a right key gives a token that names its holder", async () => {
  const identity = await createIdentity(deps, { auth: KEYED, robot: "bot" });
  const token = await identity.authenticate("key-1", "api-key", "swordfish");
  assert.equal(await identity.identify(`Bearer ${token}`), "key-1");
  assert.equal(await identity.identify(`Bearer ${token}`), "key-1");
});

test("a wrong key, an unknown id and an unknown type are told apart as Viam does", async () => {
  const identity = await createIdentity(deps, { auth: KEYED, robot: "bot" });
  await assert.rejects(
    identity.authenticate("key-1", "api-key", "wrong"),
    refused("unauthenticated", /^invalid credentials$/),
  );
  await assert.rejects(
    identity.authenticate("key-2", "api-key", ""),
    refused("unauthenticated", /^invalid credentials$/),
  );
  await assert.rejects(identity.authenticate("key-1", "x", "swordfish"), refused("bad_request", /credential type "x"/));
  await assert.rejects(identity.authenticate("key-1", undefined, ""), refused("bad_request", /^credentials required$/));
});

test("no token, a foreign one and one for another robot do not pass", async () => {
  const identity = await createIdentity(deps, { auth: KEYED, robot: "bot" });
  const other = await createIdentity(deps, { auth: KEYED, robot: "bot" });
  const foreign = await other.authenticate("key-1", "api-key", "swordfish");
  assert.throws(() => identity.identify(undefined), refused("unauthenticated", /^authentication required$/));
  assert.throws(() => identity.identify("Basic abc"), refused("unauthenticated", /Bearer/));
  await assert.rejects(async () => identity.identify("Bearer junk"), refused("unauthenticated", /unauthenticated/));
  await assert.rejects(async () => identity.identify(`Bearer ${foreign}`), refused("unauthenticated", /did not sign/));
});

test("tokens of an external signer pass when they say that they are external", async () => {
  const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
  const { n, e } = await exportJWK(publicKey);
  const externalKeys = [{ kty: "RSA" as const, alg: "RS256" as const, kid: "k", n: n!, e: e! }];
  const identity = await createIdentity(deps, { auth: { ...KEYED, externalKeys }, robot: "bot" });
  const sign = (claims: Record<string, string>) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: "RS256", kid: "k" })
      .setAudience("bot")
      .setSubject("ann")
      .sign(privateKey);
  assert.equal(await identity.identify(`Bearer ${await sign({ rpc_creds_type: "external" })}`), "ann");
  await assert.rejects(
    async () => identity.identify(`Bearer ${await sign({})}`),
    refused("unauthenticated", /external/),
  );
});

test("without authentication every credential is accepted and nobody has to show one", async () => {
  const identity = await createIdentity(deps, { auth: OPEN, robot: "bot" });
  assert.equal(typeof (await identity.authenticate("who", "api-key", "ever")), "string");
  assert.equal(await identity.identify(undefined), undefined);
});
