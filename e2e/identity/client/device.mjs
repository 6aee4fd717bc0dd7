import assert from "node:assert/strict";
import { test } from "node:test";
import * as oidc from "openid-client";
import { Browser } from "./browser.mjs";
import { issuer, party, world } from "./party.mjs";

const { username, password } = world.user;

// What the person does at another machine: the code, the log-in, and a yes or no.
async function decide(started, button, { typed = false } = {}) {
  const browser = new Browser(issuer);
  let page = await browser.open(typed ? started.verification_uri : started.verification_uri_complete);
  for (let step = 0; step < 4; step++) {
    const names = page.forms.flatMap((form) => form.controls.map(({ name, type }) => (type === "hidden" ? "" : name)));
    if (names.includes("password")) page = await browser.press(page, /^(log|sign) in/i, { username, password });
    else if (names.includes("user_code")) page = await browser.press(page, /^continue/i, { user_code: started.user_code });
    else return browser.press(page, button);
  }
  throw new Error(`not asked at ${page.url}:\n${page.text}`);
}

test("a device gets its tokens once a person says yes", async () => {
  const config = await party("television");
  const started = await oidc.initiateDeviceAuthorization(config, { scope: "openid offline_access" });
  const waiting = oidc.pollDeviceAuthorizationGrant(config, started);
  await decide(started, /^(allow|approve)/i);
  const granted = await waiting;
  assert.equal(granted.claims().aud, "television");
  assert.ok((await oidc.refreshTokenGrant(config, granted.refresh_token)).access_token);
});

test("the code may be typed, in small letters and without the dash", async () => {
  const config = await party("television");
  const started = await oidc.initiateDeviceAuthorization(config, { scope: "openid" });
  const waiting = oidc.pollDeviceAuthorizationGrant(config, started);
  const sloppy = { ...started, user_code: started.user_code.toLowerCase().replaceAll("-", " ") };
  await decide(sloppy, /^(allow|approve)/i, { typed: true });
  assert.ok((await waiting).access_token);
});

test("a device is told of a no", async () => {
  const config = await party("television");
  const started = await oidc.initiateDeviceAuthorization(config, { scope: "openid" });
  const denied = assert.rejects(oidc.pollDeviceAuthorizationGrant(config, started), { error: "access_denied" });
  await decide(started, /^(deny|cancel)/i);
  await denied;
});

test("a device code is good once", async () => {
  const config = await party("television");
  const started = await oidc.initiateDeviceAuthorization(config, { scope: "openid" });
  await decide(started, /^(allow|approve)/i);
  await oidc.pollDeviceAuthorizationGrant(config, started);
  await assert.rejects(oidc.pollDeviceAuthorizationGrant(config, started), { error: "invalid_grant" });
});
