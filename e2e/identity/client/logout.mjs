import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { createRemoteJWKSet, jwtVerify } from "jose";
import * as oidc from "openid-client";
import { logIn, party, refused, request, world } from "./party.mjs";

const LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout";
const [goodbye] = world.clients.web.post_logout_redirect_uris;
const { port, pathname } = new URL(world.clients.web.backchannel_logout_uri);

// Listens where the client said that it would, until it is told of a logout.
async function told(act) {
  const server = createServer((call, answer) => {
    const body = [];
    call.on("data", (part) => body.push(part));
    call.on("end", () => {
      answer.end();
      const form = new URLSearchParams(Buffer.concat(body).toString());
      server.emit("told", { method: call.method, path: call.url, token: form.get("logout_token") });
    });
  });
  server.listen(Number(port), "127.0.0.1");
  await once(server, "listening");
  const telling = once(server, "told", { signal: AbortSignal.timeout(60_000) });
  try {
    await act();
    return (await telling)[0];
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

function logoutUrl(config, granted, parameters = {}) {
  return oidc.buildEndSessionUrl(config, {
    id_token_hint: granted.id_token,
    post_logout_redirect_uri: goodbye,
    state: "see you",
    ...parameters,
  });
}

async function leave(browser, url) {
  const page = await browser.open(url);
  return page.left ? page : browser.press(page, /^log out|^sign out/i);
}

test("after a logout the person is sent back, and must log in again", async () => {
  const { browser, config, granted } = await logIn("web");
  await told(async () => {
    const { url } = await leave(browser, logoutUrl(config, granted));
    assert.equal(url.href.split("?")[0], goodbye);
    assert.equal(url.searchParams.get("state"), "see you");
  });
  const { checks, parameters } = await request("web", { prompt: "none" });
  const silent = await browser.open(oidc.buildAuthorizationUrl(config, parameters));
  await assert.rejects(oidc.authorizationCodeGrant(config, silent.url, checks), { error: "login_required" });
});

test("the client hears of a logout by the back channel, in a signed token", async () => {
  const { browser, config, granted } = await logIn("web");
  const call = await told(() => leave(browser, logoutUrl(config, granted)));
  assert.equal(call.method, "POST");
  assert.equal(call.path, pathname);
  const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
  const expected = { issuer: world.issuer, audience: "web", typ: "logout+jwt", requiredClaims: ["iat", "jti", "exp"] };
  const { payload } = await jwtVerify(call.token, keys, expected);
  assert.equal(payload.sub, granted.claims().sub);
  assert.equal(payload.sid, granted.claims().sid);
  assert.deepEqual(payload.events, { [LOGOUT_EVENT]: {} });
  assert.equal(payload.nonce, undefined);
});

test("a logout ends the refresh tokens of the session, but for those of offline_access", async () => {
  const online = await logIn("web", { parameters: { scope: "openid" } });
  const offline = await logIn("web", { browser: online.browser, parameters: { scope: "openid offline_access" } });
  await told(() => leave(online.browser, logoutUrl(online.config, online.granted)));
  const api = await party("api");
  assert.deepEqual(await oidc.tokenIntrospection(api, online.granted.access_token), { active: false });
  assert.ok((await oidc.refreshTokenGrant(offline.config, offline.granted.refresh_token)).access_token);
  if (online.granted.refresh_token) {
    const refreshed = oidc.refreshTokenGrant(online.config, online.granted.refresh_token);
    await assert.rejects(refreshed, refused("invalid_grant"));
  }
});

test("an address that is not registered is never redirected to", async () => {
  const { browser, config, granted } = await logIn("web");
  const url = logoutUrl(config, granted, { post_logout_redirect_uri: "https://elsewhere.example/" });
  const page = await browser.open(url);
  assert.equal(page.left, false);
});
