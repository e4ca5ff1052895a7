// Who is logged in, as far as this browser knows.
export type Session = { token: string; user: { id: number; email: string } };

const KEY = 'todo-session';

export function readSession(): Session | null {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? 'null');
  } catch {
    return null;
  }
}

export const keepSession = (session: Session) => localStorage.setItem(KEY, JSON.stringify(session));
export const forgetSession = () => localStorage.removeItem(KEY);
