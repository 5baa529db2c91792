#include "options.h"
#include "print.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_PRESERVE_LIST = 256 };

static const struct option long_options[] = {
    {"askpass", no_argument, NULL, 'A'},
    {"background", no_argument, NULL, 'b'},
    {"bell", no_argument, NULL, 'B'},
    {"chdir", required_argument, NULL, 'D'},
    {"preserve-env", optional_argument, NULL, OPTION_PRESERVE_LIST},
    {"group", required_argument, NULL, 'g'},
    {"set-home", no_argument, NULL, 'H'},
    {"help", no_argument, NULL, 'h'},
    {"login", no_argument, NULL, 'i'},
    {"remove-timestamp", no_argument, NULL, 'K'},
    {"reset-timestamp", no_argument, NULL, 'k'},
    {"list", no_argument, NULL, 'l'},
    {"no-update", no_argument, NULL, 'N'},
    {"non-interactive", no_argument, NULL, 'n'},
    {"prompt", required_argument, NULL, 'p'},
    {"stdin", no_argument, NULL, 'S'},
    {"shell", no_argument, NULL, 's'},
    {"user", required_argument, NULL, 'u'},
    {"version", no_argument, NULL, 'V'},
    {"validate", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

static const char usage[] = "usage: sudo -h | -K | -k | -V | -v\n"
                            "usage: sudo -l [-u user] [command [arg ...]]\n"
                            "usage: sudo [-ABbEHknNS] [-D directory] [-g group] [-p prompt] [-u user] [VAR=value] [-i | -s] [command [arg ...]]\n";

static enum options_result mistake(const char *text) {
    print(STDERR_FILENO, text == NULL ? "" : "sudo: ", text == NULL ? "" : text, text == NULL ? "" : "\n", usage, NULL);
    return OPTIONS_MISTAKE;
}

static bool add(struct strings *strings, char *text) {
    char **items = realloc(strings->items, (strings->count + 2) * sizeof *items);
    if (items == NULL) {
        return false;
    }
    strings->items = items;
    items[strings->count++] = text;
    items[strings->count] = NULL;
    return true;
}

static bool add_names(struct strings *names, char *list) {
    bool added = true;
    for (char *save = NULL, *name = strtok_r(list, ",", &save); name != NULL && added; name = strtok_r(NULL, ",", &save)) {
        added = add(names, name);
    }
    return added;
}

static bool is_assignment(const char *text) {
    size_t length = strcspn(text, "=/");
    return length > 0 && text[length] == '=';
}

struct parsing {
    struct sudo_request *request;
    bool forget; /* -k or -K */
    const char *text; /* the argument looked at */
};

static enum options_result apply(struct parsing *parsing, int option) {
    struct sudo_request *request = parsing->request;
    static const struct {
        char option;
        uint8_t flag;
    } flags[] = {{'b', SUDO_BACKGROUND}, {'E', SUDO_PRESERVE_ENVIRONMENT}, {'H', SUDO_SET_HOME}, {'i', SUDO_LOGIN},
                 {'l', SUDO_LIST},       {'s', SUDO_SHELL},                {'v', SUDO_VALIDATE}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (option == flags[i].option) {
            request->flags |= flags[i].flag;
            return OPTIONS_RUN;
        }
    }
    switch (option) {
    case 'u':
        request->user = optarg;
        return *optarg == 0 ? mistake("the -u option needs a user") : OPTIONS_RUN;
    case 'g':
        request->group = optarg;
        return *optarg == 0 ? mistake("the -g option needs a group") : OPTIONS_RUN;
    case 'D':
        request->directory = optarg;
        return OPTIONS_RUN;
    case OPTION_PRESERVE_LIST:
        if (optarg == NULL) {
            request->flags |= SUDO_PRESERVE_ENVIRONMENT;
            return OPTIONS_RUN;
        }
        return add_names(&request->preserved, optarg) ? OPTIONS_RUN : mistake(strerror(ENOMEM));
    case 'k':
    case 'K':
        parsing->forget = true;
        return OPTIONS_RUN;
    case 'h':
        print(STDOUT_FILENO, usage, NULL);
        return OPTIONS_DONE;
    case 'V':
        print(STDOUT_FILENO, "holt-sudo 0.1.0, in the place of sudo where the sandbox's runtime has no setuid\n", NULL);
        return OPTIONS_DONE;
    case 'A': /* about passwords, timestamps and prompts, which there are none of */
    case 'B':
    case 'n':
    case 'N':
    case 'p':
    case 'S':
        return OPTIONS_RUN;
    default:
        if (option == ':') {
            print(STDERR_FILENO, "sudo: an argument is missing behind ", parsing->text, "\n", NULL);
        } else {
            print(STDERR_FILENO, "sudo: there is no such option in ", parsing->text, "\n", NULL);
        }
        return mistake(NULL);
    }
}

static enum options_result check(struct parsing *parsing) {
    const struct sudo_request *request = parsing->request;
    uint8_t flags = request->flags;
    if ((flags & SUDO_LOGIN) != 0 && (flags & SUDO_SHELL) != 0) {
        return mistake("the options -i and -s exclude each other");
    }
    if ((flags & SUDO_LOGIN) != 0 && (flags & SUDO_PRESERVE_ENVIRONMENT) != 0) {
        return mistake("the options -i and -E exclude each other");
    }
    if ((flags & SUDO_VALIDATE) != 0 && request->arguments.count > 0) {
        return mistake("the option -v takes no command");
    }
    bool runs = request->arguments.count > 0 || (flags & (SUDO_LOGIN | SUDO_SHELL | SUDO_LIST | SUDO_VALIDATE)) != 0;
    return runs ? OPTIONS_RUN : parsing->forget ? OPTIONS_DONE : mistake(NULL);
}

enum options_result options_parse(int argc, char **argv, struct sudo_request *request) {
    struct parsing parsing = {.request = request};
    *request = (struct sudo_request){.user = "", .group = "", .directory = ""};
    opterr = 0;
    for (;;) {
        int before = optind;
        parsing.text = optind < argc ? argv[optind] : "";
        int option = getopt_long(argc, argv, "+:ABbD:Eg:HhiKklNnp:SsVu:v", long_options, NULL);
        if (option != -1) {
            enum options_result result = apply(&parsing, option);
            if (result != OPTIONS_RUN) {
                return result;
            }
            continue;
        }
        bool options_ended = optind > before && strcmp(argv[optind - 1], "--") == 0;
        if (optind >= argc || !is_assignment(argv[optind])) {
            break;
        }
        if (!add(&request->assigned, argv[optind++])) {
            return mistake(strerror(ENOMEM));
        }
        while (options_ended && optind < argc && is_assignment(argv[optind])) {
            if (!add(&request->assigned, argv[optind++])) {
                return mistake(strerror(ENOMEM));
            }
        }
        if (options_ended) {
            break;
        }
    }
    request->arguments = (struct strings){argv + optind, (size_t)(argc - optind)};
    return check(&parsing);
}
