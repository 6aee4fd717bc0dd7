// The relying parties of the tests, as openid-client sees them, and the person who uses them.
import { readFileSync } from "node:fs";
import { importJWK } from "jose";
import * as oidc from "openid-client";
import { Browser } from "./browser.mjs";

// What the Python side has set up: issuer, user, clients by id, each with its secret or its key.
export const world = JSON.parse(readFileSync(process.env.IDENTITY_WORLD, "utf8"));
export const issuer = new URL(world.issuer);

const AUTHENTICATION = {
  client_secret_basic: ({ secret }) => oidc.ClientSecretBasic(secret),
  client_secret_post: ({ secret }) => oidc.ClientSecretPost(secret),
  private_key_jwt: async ({ key }) => oidc.PrivateKeyJwt({ key: await importJWK(key, "ES256"), kid: key.kid }),
  none: () => oidc.None(),
};

export async function party(clientId) {
  const client = world.clients[clientId];
  const authentication = await AUTHENTICATION[client.token_endpoint_auth_method](client);
  const execute = [oidc.allowInsecureRequests]; // http, on a loopback address
  return oidc.discovery(issuer, clientId, undefined, authentication, { execute });
}

export const redirectUri = (clientId) => world.clients[clientId].redirect_uris[0];

// What a client sends along and what it expects back, for one authorization.
export async function request(clientId, parameters = {}) {
  const verifier = oidc.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier: verifier, expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce() };
  return {
    checks,
    parameters: {
      redirect_uri: redirectUri(clientId),
      scope: "openid",
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      state: checks.expectedState,
      nonce: checks.expectedNonce,
      ...parameters,
    },
  };
}

const STEPS = 6;

// Logs in and answers what is asked, until the browser is sent back to the client.
export async function answer(browser, page, { allow = true, user = world.user } = {}) {
  for (let step = 0; step < STEPS && !page.left; step++) {
    const asksPassword = page.forms.some((form) => form.controls.some(({ type }) => type === "password"));
    page = asksPassword
      ? await browser.press(page, /^(log|sign) in/i, { username: user.username, password: user.password })
      : await browser.press(page, allow ? /^(allow|continue)/i : /^(deny|cancel)/i);
  }
  if (!page.left) throw new Error(`still at ${page.url} after ${STEPS} steps:\n${page.text}`);
  return page.url;
}

// The whole of the code flow: an authorization by a person, redeemed.
export async function logIn(clientId, { parameters = {}, browser = new Browser(issuer), config, tokens = {} } = {}) {
  config ??= await party(clientId);
  const { checks, parameters: sent } = await request(clientId, parameters);
  const page = await browser.open(oidc.buildAuthorizationUrl(config, sent));
  const callback = await answer(browser, page);
  const granted = await oidc.authorizationCodeGrant(config, callback, checks, undefined, tokens);
  return { browser, callback, checks, config, granted };
}

export const refused = (error, status = 400) => (thrown) => {
  if (thrown.error === error && thrown.status === status) return true;
  throw new Error(`wanted ${status} ${error}, got ${thrown.status} ${thrown.error}: ${thrown.stack}`, { cause: thrown });
};
