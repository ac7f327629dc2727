/* The physical limit of unbatched fan-out: one send() per viewer and message, and nothing else.
 *
 *   send_loop PORT
 *
 * Whatever a client says goes to all clients, framed once. send() blocks while a viewer's buffer is full, so nothing is
 * dropped or kept. No tokens, no limits, no history; the handshake's key is not answered (only the load generator comes
 * here) and a client's message is expected to be one frame below 64 KB. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 65536   /* by descriptor */
#define HELD_BYTES (1 << 17) /* one client's unfinished frame, and what came with it */
#define EVENTS_A_TURN 256

struct client { int upgraded; size_t bytes; uint8_t *held; };

static struct client clients[CLIENTS_MAX];
static int descriptors[CLIENTS_MAX], count, loop_fd;

static void leave(int fd) {
    for (int i = 0; i < count; i++)
        if (descriptors[i] == fd) { descriptors[i] = descriptors[--count]; break; }
    free(clients[fd].held);
    clients[fd] = (struct client){0};
    close(fd);
}

static void tell_all(const uint8_t *payload, size_t size) {
    static uint8_t frame[HELD_BYTES];
    size_t head = 2;
    frame[0] = 0x81;
    if (size < 126) frame[1] = size;
    else frame[1] = 126, frame[2] = size >> 8, frame[3] = size & 255, head = 4;
    memcpy(frame + head, payload, size);
    for (int i = 0; i < count; i++) send(descriptors[i], frame, head + size, MSG_NOSIGNAL);
}

/* The bytes of one client frame at `data`, told to all when it is text; 0 while it is not whole. */
static size_t take_frame(uint8_t *data, size_t size) {
    if (size < 2) return 0;
    size_t length = data[1] & 0x7f, head = 2;
    if (length == 126) {
        if (size < 4) return 0;
        length = data[2] << 8 | data[3], head = 4;
    }
    if (size < head + 4 + length) return 0;
    uint8_t *mask = data + head, *payload = mask + 4;
    for (size_t i = 0; i < length; i++) payload[i] ^= mask[i & 3];
    if ((data[0] & 15) == 1) tell_all(payload, length);
    return head + 4 + length;
}

static void read_from(int fd) {
    struct client *c = &clients[fd];
    ssize_t got = recv(fd, c->held + c->bytes, HELD_BYTES - c->bytes, MSG_DONTWAIT);
    if (got <= 0) { leave(fd); return; }
    c->bytes += got;
    size_t used = 0, step;
    if (!c->upgraded) {
        uint8_t *end = memmem(c->held, c->bytes, "\r\n\r\n", 4);
        if (!end) return;
        static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
        c->upgraded = 1;
        used = end + 4 - c->held;
        descriptors[count++] = fd;
    }
    while ((step = take_frame(c->held + used, c->bytes - used))) used += step;
    memmove(c->held, c->held + used, c->bytes -= used);
}

int main(int arguments_count, char **arguments) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons(arguments_count > 1 ? atoi(arguments[1]) : 0);
    int door = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(door, (struct sockaddr *)&address, sizeof address) || listen(door, 4096)) { perror("listen"); return 1; }
    loop_fd = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = door}, events[EVENTS_A_TURN];
    epoll_ctl(loop_fd, EPOLL_CTL_ADD, door, &event);
    for (;;) {
        int ready = epoll_wait(loop_fd, events, EVENTS_A_TURN, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd != door) { read_from(fd); continue; }
            if ((fd = accept(door, NULL, NULL)) < 0) continue;
            if (fd >= CLIENTS_MAX) { close(fd); continue; }
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            clients[fd].held = malloc(HELD_BYTES);
            event.data.fd = fd;
            epoll_ctl(loop_fd, EPOLL_CTL_ADD, fd, &event);
        }
    }
}
