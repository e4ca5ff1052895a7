import { toBackend } from '@/lib/proxy';

export const dynamic = 'force-dynamic';

const handle = (request: Request) => toBackend(request, '/mcp');

export { handle as GET, handle as POST, handle as DELETE };
