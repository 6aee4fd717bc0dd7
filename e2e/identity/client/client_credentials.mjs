import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeJwt, generateKeyPair } from "jose";
import * as oidc from "openid-client";
import { issuer, party, refused, world } from "./party.mjs";

const execute = [oidc.allowInsecureRequests];

for (const [clientId, how] of [
  ["worker", "by secret, in the header"],
  ["poster", "by secret, in the body"],
  ["robot", "by private_key_jwt"],
]) {
  test(`a token of one's own, ${how}`, async () => {
    const config = await party(clientId);
    const granted = await oidc.clientCredentialsGrant(config, { scope: "things.write" });
    const claims = decodeJwt(granted.access_token);
    assert.equal(claims.sub, clientId);
    assert.equal(claims.scope, "things.write");
    assert.equal(claims.aud, world.resource);
    assert.equal(granted.refresh_token, undefined);
    assert.equal(granted.id_token, undefined);
  });
}

test("a resource is asked for by name", async () => {
  const config = await party("worker");
  const granted = await oidc.clientCredentialsGrant(config, { resource: world.resource });
  assert.equal(decodeJwt(granted.access_token).aud, world.resource);
  const unknown = oidc.clientCredentialsGrant(config, { resource: "urn:example:unknown" });
  await assert.rejects(unknown, refused("invalid_target"));
});

test("a wrong secret is invalid_client", async () => {
  const wrong = oidc.ClientSecretPost("x".repeat(43));
  const config = await oidc.discovery(issuer, "poster", undefined, wrong, { execute });
  const error = await oidc.clientCredentialsGrant(config).catch((thrown) => thrown);
  assert.equal(error.status, 401);
  assert.ok(error.error === "invalid_client" || error instanceof oidc.WWWAuthenticateChallengeError, error.stack);
});

test("another key than the registered one is invalid_client", async () => {
  const { privateKey } = await generateKeyPair("ES256");
  const config = await oidc.discovery(issuer, "robot", undefined, oidc.PrivateKeyJwt(privateKey), { execute });
  const error = await oidc.clientCredentialsGrant(config).catch((thrown) => thrown);
  assert.equal(error.status, 401);
});

test("a scope that the client has not is invalid_scope", async () => {
  const asked = oidc.clientCredentialsGrant(await party("worker"), { scope: "things.write things.destroy" });
  await assert.rejects(asked, refused("invalid_scope"));
});

test("a client without the grant is unauthorized_client", async () => {
  await assert.rejects(oidc.clientCredentialsGrant(await party("web")), refused("unauthorized_client"));
});
