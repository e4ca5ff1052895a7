'use client';
import { useEffect, useRef, useState, type FormEvent } from 'react';
import { api, ApiError, messageOf, type Answer } from '@/lib/api';

type Line = { role: 'user' | 'assistant'; content: string; by?: string; failed?: boolean };

const SUGGESTIONS = ['What is left?', 'Add buy milk', 'Complete the last one'];
const REMEMBERED = 10;

export function Chat({ onActed, onLoggedOut }: { onActed: () => void; onLoggedOut: () => void }) {
  const [lines, setLines] = useState<Line[]>([]);
  const [busy, setBusy] = useState(false);
  const [draft, setDraft] = useState('');
  const log = useRef<HTMLDivElement>(null);

  useEffect(() => {
    log.current?.scrollTo({ top: log.current.scrollHeight });
  }, [lines, busy]);

  async function say(message: string) {
    setLines((all) => [...all, { role: 'user', content: message }]);
    setDraft('');
    setBusy(true);
    try {
      const history = lines.filter((line) => !line.failed).slice(-REMEMBERED).map(({ role, content }) => ({ role, content: content.slice(0, 4000) }));
      const answer = await api<Answer>('POST', '/chat', { message, history });
      const by = answer.answered_by === 'model' ? `answered by ${answer.model}` : 'answered by the built-in rules';
      setLines((all) => [...all, { role: 'assistant', content: answer.reply, by: answer.note ? `${by}. ${answer.note}` : by }]);
      if (answer.actions.length > 0) onActed();
    } catch (reason) {
      if (reason instanceof ApiError && reason.status === 401) onLoggedOut();
      setLines((all) => [...all, { role: 'assistant', content: messageOf(reason), failed: true }]);
    }
    setBusy(false);
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    if (draft.trim() && !busy) void say(draft.trim());
  }

  return (
    <section className="card chat" aria-labelledby="chat-title">
      <h2 id="chat-title">Chat</h2>
      <div ref={log} className="log" role="log" aria-label="Conversation" tabIndex={0}>
        {lines.length === 0 && (
          <div className="opening">
            <p>Tell me what to do with your todos, in plain words.</p>
            <div className="filters">
              {SUGGESTIONS.map((one) => (
                <button key={one} type="button" className="chip" onClick={() => say(one)}>{one}</button>
              ))}
            </div>
          </div>
        )}
        {lines.map((line, index) => (
          <div key={index} className={`line ${line.role}${line.failed ? ' failed' : ''}`}>
            <span className="unseen">{line.role === 'user' ? 'You: ' : 'Chat: '}</span>
            <p>{line.content}</p>
            {line.by && <small>{line.by}</small>}
          </div>
        ))}
        {busy && <div className="line assistant thinking"><span className="unseen">Thinking…</span><i /><i /><i /></div>}
      </div>
      <form className="add" onSubmit={submit}>
        <input aria-label="Message" placeholder="e.g. buy milk is done" value={draft} onChange={(event) => setDraft(event.target.value)} maxLength={1000} autoComplete="off" />
        <button type="submit" disabled={busy || !draft.trim()}>Send</button>
      </form>
    </section>
  );
}
