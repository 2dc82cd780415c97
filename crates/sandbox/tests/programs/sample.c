#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void put(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

int main(void) {
    char date[32];
    time_t now = time(NULL);
    strftime(date, sizeof date, "clock %Y-%m-%d", gmtime(&now));
    puts(date);
    fflush(stdout);
    put("/tmp/kept.txt", "kept\n");
    put("/tmp/deleted.txt", "deleted\n");
    unlink("/tmp/deleted.txt");
    if (fork() == 0)
        _exit(0);
    wait(NULL);
    if (system("curl -sS -m 90 -o /dev/null http://plain.example/request"))
        return 1;
    return system("curl -sS -m 90 -o /dev/null https://secret.example/request");
}
