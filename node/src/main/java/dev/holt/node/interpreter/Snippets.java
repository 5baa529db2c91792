package dev.holt.node.interpreter;

import dev.holt.http.Json;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Code that sets variables in a running kernel, in its own language, without leaving a name behind that a user would stumble over.
 * What is set for one run remembers what was there.
 */
record Snippets(String set, String restore) {
    /** Names that every language's syntax takes as they are. */
    private static final Pattern NAME = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*");

    static boolean isName(String name) {
        return NAME.matcher(name).matches();
    }

    /** Whether code of a language sees the variables that its kernel's process was started with. Java's sees properties. */
    static boolean usesProcessEnvironment(String language) {
        return !language.equals("java");
    }

    /**
     * Code that sets {@code variables}, and code that puts back what was there, or empty for a language that it can't be written in
     * here.
     *
     * @param lasting what the sandbox sets, for languages that can't remember
     */
    static Optional<Snippets> of(String language, Map<String, String> variables, Map<String, String> lasting) {
        return switch (language) {
            case Languages.PYTHON -> Optional.of(python(variables));
            case Languages.JAVASCRIPT, Languages.TYPESCRIPT -> Optional.of(javascript(variables));
            case "bash" -> Optional.of(bash(variables));
            case "r" -> Optional.of(r(variables));
            case "java" -> Optional.of(java(variables, lasting));
            default -> Optional.empty();
        };
    }

    private static Snippets python(Map<String, String> variables) {
        String values = variables.entrySet().stream()
                .map(entry -> quoted(entry.getKey(), "\\U%08x") + ":" + quoted(entry.getValue(), "\\U%08x"))
                .collect(Collectors.joining(",", "{", "}"));
        return new Snippets(
                "(lambda o,n:(o.__dict__.setdefault('_holt',[]).append({k:o.environ.get(k) for k in n}),o.environ.update(n)))"
                        + "(__import__('os')," + values + ")",
                "(lambda o:[o.environ.pop(k,None) if v is None else o.environ.__setitem__(k,v)"
                        + " for k,v in o._holt.pop().items()])(__import__('os'))");
    }

    private static Snippets javascript(Map<String, String> variables) {
        return new Snippets(
                "(()=>{const n=" + Json.MAPPER.writeValueAsString(variables)
                        + ";const g=globalThis;if(!g.__holt)Object.defineProperty(g,'__holt',{value:[],enumerable:false});"
                        + "g.__holt.push(Object.keys(n).map(k=>[k,process.env[k]]));Object.assign(process.env,n)})();",
                "(()=>{for(const [k,v] of globalThis.__holt.pop()){if(v===undefined)delete process.env[k];"
                        + "else process.env[k]=v}})();");
    }

    private static Snippets bash(Map<String, String> variables) {
        StringBuilder set = new StringBuilder();
        StringBuilder restore = new StringBuilder();
        variables.forEach((name, value) -> {
            String old = "__holt_" + name;
            set.append("if [ \"${%s+x}\" ]; then %s=\"$%s\"; else unset %s; fi; export %s='%s'\n"
                    .formatted(name, old, name, old, name, value.replace("'", "'\\''")));
            restore.append("if [ \"${%s+x}\" ]; then export %s=\"$%s\"; unset %s; else unset %s; fi\n"
                    .formatted(old, name, old, old, name));
        });
        return new Snippets(set.toString(), restore.toString());
    }

    private static Snippets r(Map<String, String> variables) {
        String values = variables.entrySet().stream()
                .map(entry -> "`" + entry.getKey() + "`=" + quoted(entry.getValue(), "\\U%08x"))
                .collect(Collectors.joining(","));
        return new Snippets(
                "invisible(local({n<-c(" + values + ");o<-Sys.getenv(names(n),unset=NA,names=TRUE);"
                        + "options(holt.env=c(getOption('holt.env'),list(o)));do.call(Sys.setenv,as.list(n))}))",
                "invisible(local({s<-getOption('holt.env');o<-s[[length(s)]];options(holt.env=s[-length(s)]);"
                        + "for(k in names(o)) if(is.na(o[[k]])) Sys.unsetenv(k) else"
                        + " do.call(Sys.setenv,setNames(list(o[[k]]),k))}))");
    }

    private static Snippets java(Map<String, String> variables, Map<String, String> lasting) {
        StringBuilder set = new StringBuilder();
        StringBuilder restore = new StringBuilder();
        variables.forEach((name, value) -> {
            set.append("System.setProperty(\"%s\",%s);\n".formatted(name, java(value)));
            String before = lasting.get(name);
            restore.append(
                    before == null
                            ? "System.clearProperty(\"%s\");\n".formatted(name)
                            : "System.setProperty(\"%s\",%s);\n".formatted(name, java(before)));
        });
        return new Snippets(set.toString(), restore.toString());
    }

    /** In double quotes, everything unusual as an escape that Python and R have in common. */
    private static String quoted(String text, String escape) {
        StringBuilder quoted = new StringBuilder("\"");
        text.codePoints().forEach(character -> {
            if (character == '"' || character == '\\') {
                quoted.append('\\').append((char) character);
            } else if (character >= ' ' && character < 0x7f) {
                quoted.append((char) character);
            } else {
                quoted.append(escape.formatted(character));
            }
        });
        return quoted.append('"').toString();
    }

    private static String java(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        text.chars().forEach(unit -> {
            if (unit == '"' || unit == '\\') {
                quoted.append('\\').append((char) unit);
            } else if (unit == '\n'
                    || unit == '\r') { // a unicode escape would end the line, since Java reads those first
                quoted.append(unit == '\n' ? "\\n" : "\\r");
            } else if (unit >= ' ' && unit < 0x7f) {
                quoted.append((char) unit);
            } else {
                quoted.append("\\u%04x".formatted(unit));
            }
        });
        return quoted.append('"').toString();
    }
}
