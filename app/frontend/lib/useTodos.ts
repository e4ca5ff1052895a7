'use client';
import { useCallback, useEffect, useState } from 'react';
import { api, ApiError, messageOf, type Todo } from './api';

/** The list as the server has it; every change is made there first. */
export function useTodos(onLoggedOut: () => void) {
  const [todos, setTodos] = useState<Todo[] | null>(null);
  const [error, setError] = useState<string | null>(null);

  const attempt = useCallback(
    async (work: () => Promise<void>): Promise<boolean> => {
      try {
        await work();
        setError(null);
        return true;
      } catch (reason) {
        if (reason instanceof ApiError && reason.status === 401) onLoggedOut();
        setError(messageOf(reason));
        return false;
      }
    },
    [onLoggedOut],
  );

  const load = useCallback(() => attempt(async () => setTodos(await api<Todo[]>('GET', '/todos'))), [attempt]);

  const add = (title: string) =>
    attempt(async () => {
      const todo = await api<Todo>('POST', '/todos', { title });
      setTodos((all) => [...(all ?? []), todo]);
    });

  const change = (id: number, to: Partial<Pick<Todo, 'title' | 'done'>>) =>
    attempt(async () => {
      const todo = await api<Todo>('PATCH', `/todos/${id}`, to);
      setTodos((all) => (all ?? []).map((one) => (one.id === id ? todo : one)));
    });

  const remove = (id: number) =>
    attempt(async () => {
      await api('DELETE', `/todos/${id}`);
      setTodos((all) => (all ?? []).filter((one) => one.id !== id));
    });

  useEffect(() => void load(), [load]);
  return { todos, error, load, add, change, remove };
}
