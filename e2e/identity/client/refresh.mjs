import assert from "node:assert/strict";
import { test } from "node:test";
import * as oidc from "openid-client";
import { logIn, party, refused } from "./party.mjs";

const offline = { parameters: { scope: "openid email offline_access" } };

test("each refresh gives another refresh token", async () => {
  const { config, granted } = await logIn("web", offline);
  const seen = new Set([granted.refresh_token]);
  let token = granted.refresh_token;
  for (let turn = 1; turn <= 5; turn++) {
    const next = await oidc.refreshTokenGrant(config, token);
    assert.notEqual(next.access_token, granted.access_token);
    token = next.refresh_token;
    seen.add(token);
  }
  assert.equal(seen.size, 6);
});

test("a refreshed ID token is of the same log-in", async () => {
  const { config, granted } = await logIn("web", offline);
  const refreshed = (await oidc.refreshTokenGrant(config, granted.refresh_token)).claims();
  for (const claim of ["iss", "sub", "aud", "sid", "auth_time"]) {
    assert.deepEqual(refreshed[claim], granted.claims()[claim], claim);
  }
});

test("a used refresh token revokes the family", async () => {
  const { config, granted } = await logIn("web", offline);
  const next = await oidc.refreshTokenGrant(config, granted.refresh_token);
  await assert.rejects(oidc.refreshTokenGrant(config, granted.refresh_token), refused("invalid_grant"));
  await assert.rejects(oidc.refreshTokenGrant(config, next.refresh_token), refused("invalid_grant"));
  for (const token of [granted.access_token, next.access_token, next.refresh_token]) {
    assert.deepEqual(await oidc.tokenIntrospection(config, token), { active: false });
  }
  const info = oidc.fetchUserInfo(config, next.access_token, granted.claims().sub);
  await assert.rejects(info, { status: 401 });
});

test("one family's end leaves another alone", async () => {
  const first = await logIn("web", offline);
  const second = await logIn("web", offline);
  await oidc.refreshTokenGrant(first.config, first.granted.refresh_token);
  await assert.rejects(oidc.refreshTokenGrant(first.config, first.granted.refresh_token), refused("invalid_grant"));
  assert.ok((await oidc.refreshTokenGrant(second.config, second.granted.refresh_token)).access_token);
});

test("a refresh narrows the scope and never widens it", async () => {
  const { config, granted } = await logIn("web", offline);
  const less = await oidc.refreshTokenGrant(config, granted.refresh_token, { scope: "openid" });
  assert.equal(less.scope ?? "openid", "openid");
  const more = oidc.refreshTokenGrant(config, less.refresh_token, { scope: "openid profile" });
  await assert.rejects(more, refused("invalid_scope"));
});

test("another client cannot use the refresh token", async () => {
  const { granted } = await logIn("web", offline);
  await assert.rejects(oidc.refreshTokenGrant(await party("pushing"), granted.refresh_token), refused("invalid_grant"));
});
