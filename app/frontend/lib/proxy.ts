// Hands a request on to the backend, wherever BACKEND_URL says it is when the request comes.
//
// Every request has a connection of its own: a kept one would tie us to one replica, and break with it.
import http from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';

const BIGGEST_BODY = 1024 * 1024;
const SILENCE_MS = 60_000;
const PAUSES_MS = [100, 300, 800];

// Nothing was sent when these happen, so it is safe to try again.
const NOT_SENT = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN']);

// These concern one connection, not the request.
const HOP_BY_HOP = ['connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'proxy-authorization', 'expect'];

export async function toBackend(request: Request, path: string): Promise<Response> {
  const body = Buffer.from(await request.arrayBuffer());
  if (body.length > BIGGEST_BODY) return problem(413, 'that is too much');

  const base = process.env.BACKEND_URL ?? 'http://127.0.0.1:8000';
  const url = new URL(path + new URL(request.url).search, base);
  const headers: http.OutgoingHttpHeaders = Object.fromEntries(request.headers);
  for (const name of [...HOP_BY_HOP, 'host', 'content-length']) delete headers[name];
  if (body.length > 0) headers['content-length'] = body.length;

  for (let attempt = 0; ; attempt++) {
    try {
      return answer(await send(url, request.method, headers, body, request.signal));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      const pause = PAUSES_MS[attempt];
      const safe = NOT_SENT.has(code) || (code === 'ECONNRESET' && ['GET', 'HEAD'].includes(request.method));
      if (!safe || pause === undefined) {
        console.error(JSON.stringify({ time: new Date(), level: 'error', message: 'no answer from the backend', path, code }));
        return code === 'ETIMEDOUT' ? problem(504, 'the service took too long') : problem(502, 'the service cannot be reached; try again soon');
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

function send(url: URL, method: string, headers: http.OutgoingHttpHeaders, body: Buffer, signal: AbortSignal): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { request } = url.protocol === 'https:' ? https : http;
    const outgoing = request(url, { method, headers, agent: false, signal }, resolve);
    outgoing.setTimeout(SILENCE_MS, () => outgoing.destroy(Object.assign(new Error('silence'), { code: 'ETIMEDOUT' })));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function answer(incoming: http.IncomingMessage): Response {
  const headers = new Headers();
  for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
    const [name, value] = [incoming.rawHeaders[i]!, incoming.rawHeaders[i + 1]!];
    if (!HOP_BY_HOP.includes(name.toLowerCase())) headers.append(name, value);
  }
  const status = incoming.statusCode ?? 502;
  if ([204, 205, 304].includes(status)) {
    incoming.resume();
    return new Response(null, { status, headers });
  }
  return new Response(Readable.toWeb(incoming) as ReadableStream, { status, headers });
}

function problem(status: number, detail: string): Response {
  return Response.json({ detail }, { status });
}
