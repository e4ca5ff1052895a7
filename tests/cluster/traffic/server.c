/* A small HTTP/1.1 server for the tests of load: a thread a connection, and the mistakes of real apps by environment.
 *
 *   PORT            listens here (8080)
 *   DELAY_MS        how long an answer takes
 *   START_MS        how long it takes until it listens
 *   STALL_MS        stands still this long at the end of each EVERY_MS
 *   WARM_MS         after it listens, how long it answers 503 to everything, to /ready too unless LIE=1
 *   ON_TERM         drain: finishes what is under way, says `connection: close`, ends; exit: ends at once;
 *                   deaf: goes on as if nothing had been said
 *   CRASH_AT        ends when it has this request to answer, once: the file CRASH_MARK says that it did
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static atomic_int draining, busy;
static atomic_long asked;
static long delay, warm_until, stall, every, crash_at;
static int lie, listener;

static long now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void pause_ms(long ms) {
  struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&t, NULL);
}

static long env(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text ? atol(text) : otherwise;
}

/* Ends in the middle of its work, unless it did before. */
static void crash(void) {
  const char *mark = getenv("CRASH_MARK");
  if (open(mark ? mark : "/tmp/crashed", O_CREAT | O_EXCL | O_WRONLY, 0600) >= 0) _exit(1);
}

static void *serve(void *argument) {
  int fd = (int)(long)argument;
  char text[8192];
  size_t length = 0;
  for (;;) {
    char *end;
    text[length] = 0;
    while (!(end = strstr(text, "\r\n\r\n"))) {
      ssize_t got = length < sizeof text - 1 ? read(fd, text + length, sizeof text - 1 - length) : 0;
      if (got <= 0) { close(fd); return NULL; }
      length += (size_t)got;
      text[length] = 0;
    }
    busy++;
    int ready = !strncmp(text, "GET /ready ", 11), cold = now_ms() < warm_until;
    int bad = cold && !(ready && lie);
    if (!ready && ++asked == crash_at) crash();
    if (!ready && !bad) pause_ms(delay);
    long into = every ? now_ms() % every : 0;
    if (stall && into >= every - stall) pause_ms(every - into);
    int last = draining || strstr(text, "connection: close") != NULL;
    char answer[256];
    int size = snprintf(answer, sizeof answer, "HTTP/1.1 %s\r\ncontent-length: 3\r\n%s\r\nok\n",
                        bad ? "503 Service Unavailable" : "200 OK", last ? "connection: close\r\n" : "");
    ssize_t written = write(fd, answer, (size_t)size);
    busy--;
    if (last || written < 0) {
      shutdown(fd, SHUT_WR);
      while (read(fd, text, sizeof text) > 0) {}
      close(fd);
      return NULL;
    }
    size_t used = (size_t)(end + 4 - text);
    memmove(text, text + used, length - used);
    length -= used;
  }
}

static void *signals(void *set) {
  const char *how = getenv("ON_TERM");
  int number;
  for (;;) {
    sigwait(set, &number);
    if (how && !strcmp(how, "deaf")) continue;
    if (how && !strcmp(how, "exit")) _exit(0);
    draining = 1;
    shutdown(listener, SHUT_RD);
    do pause_ms(50); while (busy);
    /* A request may be on its way on a connection that has not heard yet: one more answer is given to each. */
    pause_ms(1000);
    while (busy) pause_ms(10);
    _exit(0);
  }
}

int main(void) {
  static sigset_t set;
  pthread_t thread;
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 128 << 10);
  pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  signal(SIGPIPE, SIG_IGN);
  pthread_create(&thread, &small, signals, &set);
  delay = env("DELAY_MS", 0);
  lie = (int)env("LIE", 0);
  stall = env("STALL_MS", 0);
  every = env("EVERY_MS", 0);
  crash_at = env("CRASH_AT", 0);
  pause_ms(env("START_MS", 0));
  warm_until = now_ms() + env("WARM_MS", 0);
  listener = socket(AF_INET, SOCK_STREAM, 0);
  int yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)env("PORT", 8080))};
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) return 1;
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) {
      if (draining) pause();
      continue;
    }
    if (pthread_create(&thread, &small, serve, (void *)(long)fd)) close(fd);
  }
}
