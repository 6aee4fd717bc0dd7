import assert from "node:assert/strict";
import { test } from "node:test";
import { calculateJwkThumbprint, decodeJwt, exportJWK } from "jose";
import * as oidc from "openid-client";
import { logIn, party } from "./party.mjs";

async function proof(config) {
  const keys = await oidc.randomDPoPKeyPair("ES256");
  return { DPoP: oidc.getDPoPHandle(config, keys), thumbprint: await calculateJwkThumbprint(await exportJWK(keys.publicKey)) };
}

test("a token of one's own is bound to the key", async () => {
  const config = await party("worker");
  const { DPoP, thumbprint } = await proof(config);
  const granted = await oidc.clientCredentialsGrant(config, undefined, { DPoP });
  assert.equal(granted.token_type, "dpop");
  assert.equal(decodeJwt(granted.access_token).cnf.jkt, thumbprint);
  const told = await oidc.tokenIntrospection(await party("api"), granted.access_token);
  assert.equal(told.cnf.jkt, thumbprint);
});

test("userinfo wants a proof with the key that the token is bound to", async () => {
  const config = await party("app");
  const { DPoP } = await proof(config);
  const { granted } = await logIn("app", { config, tokens: { DPoP } });
  const { sub } = granted.claims();
  assert.equal((await oidc.fetchUserInfo(config, granted.access_token, sub, { DPoP })).sub, sub);
  await assert.rejects(oidc.fetchUserInfo(config, granted.access_token, sub), { status: 401 });
  const other = (await proof(config)).DPoP;
  await assert.rejects(oidc.fetchUserInfo(config, granted.access_token, sub, { DPoP: other }), { status: 401 });
});

test("a public client's refresh token is bound to the key", async () => {
  const config = await party("app");
  const { DPoP, thumbprint } = await proof(config);
  const { granted } = await logIn("app", { config, parameters: { scope: "openid offline_access" }, tokens: { DPoP } });
  const stranger = (await proof(config)).DPoP;
  const stolen = oidc.refreshTokenGrant(config, granted.refresh_token, undefined, { DPoP: stranger });
  const refusal = await stolen.catch((thrown) => thrown);
  assert.ok(["invalid_grant", "invalid_dpop_proof"].includes(refusal.error), refusal.stack);
  const refreshed = await oidc.refreshTokenGrant(config, granted.refresh_token, undefined, { DPoP });
  assert.equal(decodeJwt(refreshed.access_token).cnf.jkt, thumbprint);
});

test("a code asked for with a key is good with that key alone", async () => {
  const config = await party("app");
  const { thumbprint } = await proof(config);
  const { DPoP } = await proof(config);
  const stolen = logIn("app", { config, parameters: { dpop_jkt: thumbprint }, tokens: { DPoP } });
  const refusal = await stolen.catch((thrown) => thrown);
  assert.ok(["invalid_grant", "invalid_dpop_proof"].includes(refusal.error), refusal.stack);
});
