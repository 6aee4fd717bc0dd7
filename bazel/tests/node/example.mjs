// Imports npm packages, one through another, and says what it sees.
import { createServer } from "node:http";
import { SignJWT, decodeJwt, generateKeyPair } from "jose";
import * as client from "openid-client";

const { privateKey } = await generateKeyPair("ES256");
const token = await new SignJWT({ sub: "alice" }).setProtectedHeader({ alg: "ES256" }).sign(privateKey);

const server = createServer((request, response) => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ issuer, token_endpoint: `${issuer}/token` }));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = new URL(`http://127.0.0.1:${server.address().port}`);
const execute = [client.allowInsecureRequests];
const configuration = await client.discovery(issuer, "example", undefined, undefined, { execute });
server.close();

console.log(
  JSON.stringify({ node: process.version, subject: decodeJwt(token).sub, ...configuration.serverMetadata() }),
);
