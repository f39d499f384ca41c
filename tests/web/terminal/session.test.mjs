import assert from "node:assert/strict";
import { createServer } from "node:http";
import test from "node:test";

import { RefusedError, openSession } from "../../../sync_classroom/web/static/terminal/session.js";

/** As much of a browser's connection as signalling touches. */
class Connection {
  constructor(configuration) {
    this.configuration = configuration;
    this.closed = false;
  }
  async setLocalDescription() {
    this.localDescription = { type: "offer", sdp: "v=0\r\nthe offer\r\n" };
  }
  async setRemoteDescription(description) {
    this.remote = description;
  }
  getSenders() {
    return [];
  }
  close() {
    this.closed = true;
  }
}

/** A real HTTP server for as long as `run` takes; `answer(request, response)` is the relay. */
async function withRelay(answer, run) {
  globalThis.RTCPeerConnection = Connection;
  const asked = [];
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    asked.push({
      method: request.method,
      url: request.url,
      headers: request.headers,
      body: Buffer.concat(parts).toString(),
    });
    answer(request, response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await run(`http://127.0.0.1:${server.address().port}`, asked);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const open = (url) =>
  openSession({ url, token: "t0k", iceServers: [], prepare: () => undefined, signal: new AbortController().signal });

function created(request, response) {
  if (request.method === "DELETE") return response.writeHead(200).end();
  const link = '<https://relay.example/events>; rel="urn:ietf:params:whep:ext:example:events"';
  const headers = { "Content-Type": "application/sdp", Location: "/whep/room/abc", ETag: '"1"', Link: link };
  return response.writeHead(201, headers).end("v=0\r\nthe answer\r\n");
}

async function deleted(asked) {
  while (!asked.some((a) => a.method === "DELETE")) await new Promise((resolve) => setImmediate(resolve));
  return asked.find((a) => a.method === "DELETE");
}

test("an offer is posted with its type and the token, and its answer is applied", async () => {
  await withRelay(created, async (relay, asked) => {
    const session = await open(`${relay}/whep/room`);
    assert.equal(asked[0].method, "POST");
    assert.equal(asked[0].headers["content-type"], "application/sdp");
    assert.equal(asked[0].headers.authorization, "Bearer t0k");
    assert.equal(asked[0].body, "v=0\r\nthe offer\r\n");
    assert.equal(session.pc.configuration.bundlePolicy, "max-bundle");
    assert.deepEqual(session.pc.remote, { type: "answer", sdp: "v=0\r\nthe answer\r\n" });
  });
});

test("a session ends by DELETE on its Location with the token and without an entity tag", async () => {
  await withRelay(created, async (relay, asked) => {
    (await open(`${relay}/whep/room`)).close();
    const request = await deleted(asked);
    assert.equal(request.url, "/whep/room/abc");
    assert.equal(request.headers.authorization, "Bearer t0k");
    assert.equal(request.headers["if-match"], undefined);
  });
});

test("a refusal is kept with its status and its Retry-After, whatever the status", async () => {
  for (const [status, after, expected] of [
    [409, "3", 3000],
    [503, "30", 30000],
    [418, undefined, null],
    [599, "soon", null],
  ]) {
    const refuse = (_, response) => response.writeHead(status, after ? { "Retry-After": after } : {}).end("no");
    await withRelay(refuse, async (relay) => {
      await assert.rejects(open(`${relay}/whep/room`), (error) => {
        assert.ok(error instanceof RefusedError);
        assert.deepEqual([error.status, error.retryAfterMs], [status, expected]);
        return true;
      });
    });
  }
});

test("a 307 is followed with the offer, and later requests go where it led", async () => {
  const redirect = (request, response) => {
    if (request.url === "/whep/room") return response.writeHead(307, { Location: "/far/whep/other" }).end();
    if (request.method === "DELETE") return response.writeHead(200).end();
    return response.writeHead(201, { Location: "other/abc" }).end("v=0\r\n");
  };
  await withRelay(redirect, async (relay, asked) => {
    (await open(`${relay}/whep/room`)).close();
    assert.deepEqual([asked[1].method, asked[1].url, asked[1].body], ["POST", "/far/whep/other", "v=0\r\nthe offer\r\n"]);
    assert.equal((await deleted(asked)).url, "/far/whep/other/abc");
  });
});
