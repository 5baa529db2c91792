"""The Java kernel: python3 -m holt_kernel.java -f CONNECTION_FILE. All cells run in one JShell of one Java process."""

from .wrapper import WrapperKernel, launch


class JavaKernel(WrapperKernel):
    banner = "Java"
    language = "java"
    language_info = {"name": "java", "mimetype": "text/x-java-source", "file_extension": ".jshell"}

    def command(self, status_descriptor):
        return [
            "/usr/bin/java",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Xshare:auto",
            "-cp",
            "/usr/local/lib/holt-interpreter/java",
            "HoltShell",
            str(status_descriptor),
        ]

    def await_ready(self):
        self.outcomes.get()

    def send_cell(self, code):
        self.write_order("c", code)

    def interrupt_cell(self):
        self.write_order("i", "")

    def write_order(self, kind, text):
        """An order is a letter for its kind, the number of bytes of its text, the end of the line, and the text."""
        body = text.encode("utf-8", "replace")
        self.child.stdin.write(f"{kind}{len(body)}\n".encode() + body)
        self.child.stdin.flush()


if __name__ == "__main__":
    launch(JavaKernel)
