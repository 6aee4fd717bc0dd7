import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeJwt, decodeProtectedHeader } from "jose";
import * as oidc from "openid-client";
import { Browser } from "./browser.mjs";
import { answer, issuer, logIn, party, redirectUri, refused, request, world } from "./party.mjs";

test("a code is redeemed with PKCE, and the ID token has the nonce", async () => {
  const { callback, checks, granted } = await logIn("web", { parameters: { scope: "openid profile email" } });
  assert.equal(callback.href.split("?")[0], redirectUri("web"));
  assert.equal(callback.searchParams.get("iss"), world.issuer);
  const claims = granted.claims();
  assert.equal(claims.nonce, checks.expectedNonce);
  assert.equal(claims.aud, "web");
  assert.equal(granted.token_type, "bearer");
  assert.equal(decodeProtectedHeader(granted.access_token).typ, "at+jwt");
  assert.equal(decodeJwt(granted.access_token).sub, claims.sub);
});

test("userinfo tells what the scopes allow, of the same subject", async () => {
  const { config, granted } = await logIn("web", { parameters: { scope: "openid profile email" } });
  const told = await oidc.fetchUserInfo(config, granted.access_token, granted.claims().sub);
  assert.equal(told.preferred_username, world.user.username);
  assert.equal(told.email, world.user.email);

  const less = await logIn("web", { config });
  const withheld = await oidc.fetchUserInfo(config, less.granted.access_token, less.granted.claims().sub);
  assert.equal(withheld.email, undefined);
});

test("a public client needs no secret", async () => {
  const { granted } = await logIn("app");
  assert.equal(granted.claims().aud, "app");
});

test("who is logged in is not asked for the password again", async () => {
  const { browser, config } = await logIn("web");
  const { checks, parameters } = await request("web", { prompt: "none" });
  const page = await browser.open(oidc.buildAuthorizationUrl(config, parameters));
  assert.ok(page.left);
  const granted = await oidc.authorizationCodeGrant(config, page.url, checks);
  assert.equal(granted.claims().aud, "web");
});

test("max_age=0 asks for the password again and says when that was", async () => {
  const { browser, config, granted } = await logIn("web");
  const { checks, parameters } = await request("web", { max_age: "0" });
  const page = await browser.open(oidc.buildAuthorizationUrl(config, parameters));
  assert.equal(page.left, false);
  const callback = await answer(browser, page);
  const again = await oidc.authorizationCodeGrant(config, callback, { ...checks, maxAge: 60 });
  assert.ok(again.claims().auth_time >= decodeJwt(granted.id_token).iat);
});

test("prompt=none without a log-in is login_required", async () => {
  const config = await party("web");
  const { checks, parameters } = await request("web", { prompt: "none" });
  const page = await new Browser(issuer).open(oidc.buildAuthorizationUrl(config, parameters));
  assert.ok(page.left);
  await assert.rejects(oidc.authorizationCodeGrant(config, page.url, checks), { error: "login_required" });
});

test("who says no gives the client access_denied", async () => {
  const config = await party("web");
  const browser = new Browser(issuer);
  const { checks, parameters } = await request("web", { prompt: "consent" });
  const login = await browser.open(oidc.buildAuthorizationUrl(config, parameters));
  const { username, password } = world.user;
  const consent = await browser.press(login, /^(log|sign) in/i, { username, password });
  const callback = await answer(browser, consent, { allow: false });
  await assert.rejects(oidc.authorizationCodeGrant(config, callback, checks), { error: "access_denied" });
});

test("another verifier is invalid_grant", async () => {
  const config = await party("web");
  const browser = new Browser(issuer);
  const { checks, parameters } = await request("web");
  const callback = await answer(browser, await browser.open(oidc.buildAuthorizationUrl(config, parameters)));
  const other = { ...checks, pkceCodeVerifier: oidc.randomPKCECodeVerifier() };
  await assert.rejects(oidc.authorizationCodeGrant(config, callback, other), refused("invalid_grant"));
});

test("a code is good once, and to use it again revokes what it gave", async () => {
  const { callback, checks, config, granted } = await logIn("web", { parameters: { scope: "openid offline_access" } });
  await assert.rejects(oidc.authorizationCodeGrant(config, callback, checks), refused("invalid_grant"));
  const api = await party("api");
  assert.deepEqual(await oidc.tokenIntrospection(api, granted.access_token), { active: false });
  await assert.rejects(oidc.refreshTokenGrant(config, granted.refresh_token), refused("invalid_grant"));
});

test("another client cannot redeem the code", async () => {
  const config = await party("web");
  const browser = new Browser(issuer);
  const { checks, parameters } = await request("web");
  const callback = await answer(browser, await browser.open(oidc.buildAuthorizationUrl(config, parameters)));
  const thief = await party("pushing");
  await assert.rejects(oidc.authorizationCodeGrant(thief, callback, checks), refused("invalid_grant"));
});
