import assert from "node:assert/strict";
import { test } from "node:test";
import { createRemoteJWKSet, jwtVerify } from "jose";
import * as oidc from "openid-client";
import { issuer, party } from "./party.mjs";

test("discovery names every endpoint, each at the issuer", async () => {
  const metadata = (await party("web")).serverMetadata();
  assert.equal(metadata.issuer, issuer.href.replace(/\/$/, ""));
  const endpoints = ["authorization", "token", "userinfo", "introspection", "revocation", "end_session"];
  for (const name of [...endpoints, "device_authorization", "pushed_authorization_request"]) {
    assert.equal(new URL(metadata[`${name}_endpoint`]).origin, issuer.origin, name);
  }
});

test("discovery offers the code flow with S256, and nothing that RFC 9700 warns of", async () => {
  const metadata = (await party("web")).serverMetadata();
  assert.deepEqual(metadata.response_types_supported, ["code"]);
  assert.deepEqual(metadata.code_challenge_methods_supported, ["S256"]);
  assert.equal(metadata.authorization_response_iss_parameter_supported, true);
  assert.deepEqual(
    [...metadata.grant_types_supported].sort(),
    ["authorization_code", "client_credentials", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
  );
});

test("RFC 8414's document agrees with OpenID's", async () => {
  const execute = [oidc.allowInsecureRequests];
  const oauth = await oidc.discovery(issuer, "web", undefined, oidc.None(), { execute, algorithm: "oauth2" });
  const openid = (await party("web")).serverMetadata();
  for (const [name, value] of Object.entries(oauth.serverMetadata())) assert.deepEqual(openid[name], value, name);
});

test("the published keys verify an access token", async () => {
  const config = await party("worker");
  const { access_token: token } = await oidc.clientCredentialsGrant(config);
  const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
  const { payload } = await jwtVerify(token, keys, { issuer: config.serverMetadata().issuer, typ: "at+jwt" });
  assert.equal(payload.client_id, "worker");
});
