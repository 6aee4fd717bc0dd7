import assert from "node:assert/strict";
import { test } from "node:test";
import * as oidc from "openid-client";
import { logIn, party, refused, world } from "./party.mjs";

const offline = { parameters: { scope: "openid offline_access" } };

test("introspection tells of an access token what it says itself", async () => {
  const { access_token: token } = await oidc.clientCredentialsGrant(await party("worker"), { scope: "things.write" });
  const told = await oidc.tokenIntrospection(await party("api"), token);
  assert.equal(told.active, true);
  assert.equal(told.client_id, "worker");
  assert.equal(told.scope, "things.write");
  assert.equal(told.iss, world.issuer);
  assert.equal(told.aud, world.resource);
});

test("introspection tells of a refresh token to its client alone", async () => {
  const { config, granted } = await logIn("web", offline);
  const told = await oidc.tokenIntrospection(config, granted.refresh_token);
  assert.equal(told.active, true);
  assert.equal(told.sub, granted.claims().sub);
  assert.deepEqual(await oidc.tokenIntrospection(await party("api"), granted.refresh_token), { active: false });
});

test("a client that is no API learns nothing of another's token", async () => {
  const { access_token: token } = await oidc.clientCredentialsGrant(await party("worker"));
  assert.deepEqual(await oidc.tokenIntrospection(await party("poster"), token), { active: false });
  assert.equal((await oidc.tokenIntrospection(await party("worker"), token)).active, true);
});

test("introspection says nothing of what is no token", async () => {
  assert.deepEqual(await oidc.tokenIntrospection(await party("api"), "nonsense"), { active: false });
});

test("a revoked access token is live no more", async () => {
  const worker = await party("worker");
  const { access_token: token } = await oidc.clientCredentialsGrant(worker);
  await oidc.tokenRevocation(worker, token);
  assert.deepEqual(await oidc.tokenIntrospection(await party("api"), token), { active: false });
});

test("to revoke a refresh token revokes the grant", async () => {
  const { config, granted } = await logIn("web", offline);
  await oidc.tokenRevocation(config, granted.refresh_token, { token_type_hint: "refresh_token" });
  await assert.rejects(oidc.refreshTokenGrant(config, granted.refresh_token), refused("invalid_grant"));
  assert.deepEqual(await oidc.tokenIntrospection(await party("api"), granted.access_token), { active: false });
});

test("nobody revokes another client's token", async () => {
  const { config, granted } = await logIn("web", offline);
  await oidc.tokenRevocation(await party("pushing"), granted.refresh_token).catch(refused("invalid_grant"));
  assert.ok((await oidc.refreshTokenGrant(config, granted.refresh_token)).access_token);
});

test("to revoke what is no token is no error", async () => {
  await oidc.tokenRevocation(await party("worker"), "nonsense");
});
