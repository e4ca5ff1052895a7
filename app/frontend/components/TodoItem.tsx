'use client';
import { useEffect, useRef, useState, type FormEvent } from 'react';
import type { Todo } from '@/lib/api';

type Props = {
  todo: Todo;
  onComplete: (todo: Todo, done: boolean) => Promise<void>;
  onRename: (todo: Todo, title: string) => Promise<boolean>;
  onDelete: (todo: Todo) => Promise<void>;
};

export function TodoItem({ todo, onComplete, onRename, onDelete }: Props) {
  const [editing, setEditing] = useState(false);
  const [busy, setBusy] = useState(false);
  const edit = useRef<HTMLButtonElement>(null);
  const wasEditing = useRef(false);

  useEffect(() => {
    if (wasEditing.current && !editing) edit.current?.focus();
    wasEditing.current = editing;
  }, [editing]);

  async function during(work: Promise<unknown>) {
    setBusy(true);
    await work;
    setBusy(false);
  }

  async function save(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const title = String(new FormData(event.currentTarget).get('title')).trim();
    if (!title) return;
    if (title === todo.title || (await onRename(todo, title))) setEditing(false);
  }

  if (editing) {
    return (
      <li className="item">
        <form className="edit" onSubmit={save} onKeyDown={(event) => event.key === 'Escape' && setEditing(false)}>
          <input name="title" aria-label={`New title for ${todo.title}`} defaultValue={todo.title} maxLength={200} required autoFocus onFocus={(event) => event.target.select()} />
          <button type="submit">Save</button>
          <button type="button" className="quiet" onClick={() => setEditing(false)}>Cancel</button>
        </form>
      </li>
    );
  }

  return (
    <li className="item" data-done={todo.done} aria-busy={busy}>
      <label>
        <input type="checkbox" checked={todo.done} disabled={busy} onChange={(event) => during(onComplete(todo, event.target.checked))} />
        <span className="name">{todo.title}</span>
      </label>
      <span className="number" aria-hidden="true" title="Its number, for the chat">#{todo.id}</span>
      <button ref={edit} type="button" className="quiet" aria-label={`Edit ${todo.title}`} disabled={busy} onClick={() => setEditing(true)}>Edit</button>
      <button type="button" className="quiet danger" aria-label={`Delete ${todo.title}`} disabled={busy} onClick={() => during(onDelete(todo))}>Delete</button>
    </li>
  );
}
