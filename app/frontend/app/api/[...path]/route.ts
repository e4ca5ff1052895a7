import { toBackend } from '@/lib/proxy';

export const dynamic = 'force-dynamic';

const handle = (request: Request) => toBackend(request, new URL(request.url).pathname.slice('/api'.length));

export { handle as GET, handle as POST, handle as PATCH, handle as PUT, handle as DELETE };
