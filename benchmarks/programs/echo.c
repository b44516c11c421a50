// The practical limit: a one-thread, level-triggered epoll echo server.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/ssl.h>
#else
typedef void SSL;
#endif

enum { BUF = 256 * 1024 };
struct conn { int fd; SSL *ssl; char *pend; size_t len, off; };
static int ep;
static char buf[BUF];

static void drop(struct conn *c) {
#ifdef WITH_TLS
    if (c->ssl) SSL_free(c->ssl);
#endif
    close(c->fd);
    free(c->pend);
    free(c);
}
static ssize_t rd(struct conn *c, char *b, size_t n) {
#ifdef WITH_TLS
    if (c->ssl) {
        int r = SSL_read(c->ssl, b, (int)n);
        if (r > 0) return r;
        int e = SSL_get_error(c->ssl, r);
        if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) { errno = EAGAIN; return -1; }
        return 0;
    }
#endif
    return recv(c->fd, b, n, 0);
}
static ssize_t wr(struct conn *c, const char *b, size_t n) {
#ifdef WITH_TLS
    if (c->ssl) {
        int r = SSL_write(c->ssl, b, (int)n);
        if (r > 0) return r;
        int e = SSL_get_error(c->ssl, r);
        errno = e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? EAGAIN : EPIPE;
        return -1;
    }
#endif
    return send(c->fd, b, n, MSG_NOSIGNAL);
}
static void watch(struct conn *c, int op, unsigned events) {
    struct epoll_event ev = {.events = events, .data.ptr = c};
    epoll_ctl(ep, op, c->fd, &ev);
}
static void serve(struct conn *c, unsigned events) {
    if (c->pend) {
        if (!(events & (EPOLLOUT | EPOLLHUP | EPOLLERR))) return;
        ssize_t w = wr(c, c->pend + c->off, c->len - c->off);
        if (w < 0) { if (errno != EAGAIN) drop(c); return; }
        if ((c->off += w) < c->len) return;
        free(c->pend);
        c->pend = NULL;
        watch(c, EPOLL_CTL_MOD, EPOLLIN);
    }
    for (;;) {
        ssize_t r = rd(c, buf, BUF), done = 0;
        if (r < 0 && errno == EAGAIN) return;
        if (r <= 0) { drop(c); return; }
        while (done < r) {
            ssize_t w = wr(c, buf + done, r - done);
            if (w < 0 && errno == EAGAIN) {
                c->len = r - done; c->off = 0;
                c->pend = malloc(c->len);
                memcpy(c->pend, buf + done, c->len);
                watch(c, EPOLL_CTL_MOD, EPOLLOUT);
                return;
            }
            if (w < 0) { drop(c); return; }
            done += w;
        }
        if (!c->ssl) return;
    }
}

int main(void) {
    const char *mode = getenv("BENCH_MODE"), *path = getenv("BENCH_PATH");
    int port = atoi(getenv("BENCH_PORT") ? getenv("BENCH_PORT") : "0"), one = 1;
    int udp = !strcmp(mode, "udp"), unx = !strcmp(mode, "unix"), tls = !strcmp(mode, "tls");
    signal(SIGPIPE, SIG_IGN);
    int ls = socket(unx ? AF_UNIX : AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | (udp ? 0 : SOCK_NONBLOCK), 0);
    setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (unx) strncpy(un.sun_path, path, sizeof un.sun_path - 1);
    if (bind(ls, unx ? (void *)&un : (void *)&in, unx ? sizeof un : sizeof in) < 0) { perror("bind"); return 1; }
    if (udp) for (;;) {
        struct sockaddr_in from;
        socklen_t fl = sizeof from;
        ssize_t r = recvfrom(ls, buf, BUF, 0, (void *)&from, &fl);
        if (r >= 0) sendto(ls, buf, r, 0, (void *)&from, fl);
    }
    listen(ls, 1024);
#ifdef WITH_TLS
    SSL_CTX *ctx = NULL;
    if (tls) {
        ctx = SSL_CTX_new(TLS_server_method());
        SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        if (SSL_CTX_use_certificate_chain_file(ctx, getenv("BENCH_CERT")) != 1 ||
            SSL_CTX_use_PrivateKey_file(ctx, getenv("BENCH_KEY"), SSL_FILETYPE_PEM) != 1) return 1;
    }
#else
    if (tls) return 1;
#endif
    ep = epoll_create1(0);
    struct epoll_event lev = {.events = EPOLLIN, .data.ptr = NULL}, ev[512];
    epoll_ctl(ep, EPOLL_CTL_ADD, ls, &lev);
    for (;;) {
        int n = epoll_wait(ep, ev, 512, -1);
        for (int i = 0; i < n; i++) {
            struct conn *c = ev[i].data.ptr;
            if (c) { serve(c, ev[i].events); continue; }
            for (int fd; (fd = accept4(ls, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
                if (!unx) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                c = calloc(1, sizeof *c);
                c->fd = fd;
#ifdef WITH_TLS
                if (tls) { c->ssl = SSL_new(ctx); SSL_set_fd(c->ssl, fd); SSL_set_accept_state(c->ssl); }
#endif
                watch(c, EPOLL_CTL_ADD, EPOLLIN);
            }
        }
    }
}
