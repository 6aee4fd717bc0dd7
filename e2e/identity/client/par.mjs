import assert from "node:assert/strict";
import { test } from "node:test";
import * as oidc from "openid-client";
import { Browser } from "./browser.mjs";
import { answer, issuer, party, request, world } from "./party.mjs";

test("a pushed request is redeemed like any other", async () => {
  const config = await party("pushing");
  const { checks, parameters } = await request("pushing");
  const url = await oidc.buildAuthorizationUrlWithPAR(config, parameters);
  assert.deepEqual([...url.searchParams.keys()].sort(), ["client_id", "request_uri"]);
  const browser = new Browser(issuer);
  const callback = await answer(browser, await browser.open(url));
  const granted = await oidc.authorizationCodeGrant(config, callback, checks);
  assert.equal(granted.claims().nonce, checks.expectedNonce);
});

test("a pushed request is good for one authorization", async () => {
  const config = await party("pushing");
  const { parameters } = await request("pushing");
  const url = await oidc.buildAuthorizationUrlWithPAR(config, parameters);
  const browser = new Browser(issuer);
  await answer(browser, await browser.open(url));
  const again = await browser.open(url);
  assert.equal(again.left, false);
  assert.equal(again.status, 400);
});

test("a client that must push is refused without", async () => {
  const config = await party("pushing");
  const { parameters } = await request("pushing");
  const page = await new Browser(issuer).open(oidc.buildAuthorizationUrl(config, parameters));
  const told = page.left ? page.url.searchParams.get("error") : page.status;
  assert.ok(["invalid_request", 400].includes(told), String(told));
});

test("what is wrong is told when it is pushed, not to the person", async () => {
  const config = await party("pushing");
  const { parameters } = await request("pushing", { redirect_uri: "https://elsewhere.example/" });
  await assert.rejects(oidc.buildAuthorizationUrlWithPAR(config, parameters), { error: "invalid_request", status: 400 });
});

test("a request URI belongs to the client that pushed it", async () => {
  const url = await oidc.buildAuthorizationUrlWithPAR(await party("pushing"), (await request("pushing")).parameters);
  url.searchParams.set("client_id", "web");
  const page = await new Browser(issuer).open(url);
  assert.equal(page.left, false);
  assert.equal(page.status, 400);
  assert.ok(!page.text.includes(world.user.username));
});
