'use client';
import { useRef, useState, type FormEvent } from 'react';
import type { Todo } from '@/lib/api';
import type { useTodos } from '@/lib/useTodos';
import { TodoItem } from './TodoItem';

type Filter = 'all' | 'open' | 'done';
const FILTERS: Filter[] = ['all', 'open', 'done'];
const EMPTY = {
  all: 'Nothing here yet. Add your first todo above, or tell the chat.',
  open: 'Nothing is left to do.',
  done: 'Nothing is done yet.',
};

export function Todos({ todos, error, load, add, change, remove }: ReturnType<typeof useTodos>) {
  const [filter, setFilter] = useState<Filter>('all');
  const [adding, setAdding] = useState(false);
  const [said, setSaid] = useState('');
  const heading = useRef<HTMLHeadingElement>(null);

  const shown = (todos ?? []).filter((todo) => filter === 'all' || todo.done === (filter === 'done'));
  const open = (todos ?? []).filter((todo) => !todo.done).length;

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const title = String(new FormData(form).get('title')).trim();
    if (!title) return;
    setAdding(true);
    if (await add(title)) {
      form.reset();
      setSaid(`Added ${title}`);
      if (filter === 'done') setFilter('all');
    }
    setAdding(false);
  }

  async function complete(todo: Todo, done: boolean) {
    if (await change(todo.id, { done })) setSaid(`${todo.title} is ${done ? 'done' : 'open again'}`);
  }

  async function rename(todo: Todo, title: string): Promise<boolean> {
    const saved = await change(todo.id, { title });
    if (saved) setSaid(`Renamed to ${title}`);
    return saved;
  }

  async function drop(todo: Todo) {
    if (!(await remove(todo.id))) return;
    setSaid(`Deleted ${todo.title}`);
    heading.current?.focus(); // what had the focus is gone
  }

  return (
    <section className="card todos" aria-labelledby="todos-title">
      <div className="title-row">
        <h1 id="todos-title" ref={heading} tabIndex={-1}>Your todos</h1>
        {todos && todos.length > 0 && <span className="count">{open} open</span>}
      </div>
      <form className="add" onSubmit={submit}>
        <input name="title" aria-label="New todo" placeholder="What needs doing?" maxLength={200} autoComplete="off" required />
        <button type="submit" disabled={adding}>Add</button>
      </form>
      <div className="filters" role="group" aria-label="Show">
        {FILTERS.map((one) => (
          <button key={one} type="button" className="chip" aria-pressed={filter === one} onClick={() => setFilter(one)}>
            {one.charAt(0).toUpperCase() + one.slice(1)}
          </button>
        ))}
      </div>
      {error && (
        <p className="error" role="alert">
          {error} <button type="button" className="link" onClick={load}>Reload</button>
        </p>
      )}
      {todos === null && !error && (
        <div role="status" aria-label="Loading your todos">
          {[70, 45, 58].map((width) => <div key={width} className="bone" style={{ width: `${width}%` }} />)}
        </div>
      )}
      {todos && shown.length === 0 && <p className="empty">{EMPTY[filter]}</p>}
      <ul className="list" aria-label="Todos">
        {shown.map((todo) => (
          <TodoItem key={todo.id} todo={todo} onComplete={complete} onRename={rename} onDelete={drop} />
        ))}
      </ul>
      <p className="unseen" role="status">{said}</p>
    </section>
  );
}
