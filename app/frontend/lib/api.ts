// The backend's API, through this frontend.
import { readSession } from './session';

export type Todo = { id: number; title: string; done: boolean };
export type Answer = {
  reply: string;
  answered_by: 'model' | 'rules';
  model: string | null;
  note: string | null;
  actions: { tool: string }[];
};

export class ApiError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

export async function api<T>(method: string, path: string, body?: unknown): Promise<T> {
  const token = readSession()?.token;
  let response: Response;
  try {
    response = await fetch(`/api${path}`, {
      method,
      headers: {
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...(token && { Authorization: `Bearer ${token}` }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store',
    });
  } catch {
    throw new ApiError(0, 'The server cannot be reached. Are you online?');
  }
  if (response.status === 204) return undefined as T;
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(response.status, reason(answer, response.status));
  return answer as T;
}

function reason(answer: { detail?: unknown } | null, status: number): string {
  const detail = answer?.detail;
  if (typeof detail === 'string') return detail.charAt(0).toUpperCase() + detail.slice(1) + '.';
  if (Array.isArray(detail)) return `Please check the ${detail[0]?.loc?.at(-1) ?? 'input'}: ${detail[0]?.msg ?? 'it is not valid'}.`;
  return `Something went wrong (${status}). Please try again.`;
}

export const messageOf = (error: unknown) => (error instanceof Error ? error.message : 'Something went wrong.');
