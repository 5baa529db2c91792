package dev.holt.app;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Keeps the arrows of ARCHITECTURE.md. */
class RoomsTest {
    /** The package of each room and the rooms that it may use. */
    private static final Map<String, List<String>> MAY_USE = Map.of(
            "wire", List.of(),
            "http", List.of("wire"),
            "nodeapi", List.of("wire"),
            "node", List.of("wire", "http", "nodeapi", "guestagent"),
            "control", List.of("wire", "http", "nodeapi"),
            "edge", List.of("wire", "http", "nodeapi"));

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.holt");

    @ParameterizedTest
    @ValueSource(strings = {"wire", "http", "nodeapi", "node", "control", "edge"})
    void aRoomUsesOnlyTheRoomsBelowIt(String room) {
        assertThat(CLASSES.stream().filter(resideInAPackage("dev.holt." + room + "..")))
                .as("classes of " + room)
                .isNotEmpty();
        List<String> allowed = MAY_USE.getOrDefault(room, List.of());
        String[] packages = new String[allowed.size() + 1];
        packages[0] = "dev.holt." + room + "..";
        for (int index = 0; index < allowed.size(); index++) {
            packages[index + 1] = "dev.holt." + allowed.get(index) + "..";
        }
        noClasses()
                .that()
                .resideInAPackage("dev.holt." + room + "..")
                .should()
                .dependOnClassesThat(resideInAPackage("dev.holt..").and(not(resideInAnyPackage(packages))))
                .because("the arrows between rooms point only down (ARCHITECTURE.md)")
                .check(CLASSES);
    }

    @ParameterizedTest
    @ValueSource(strings = {"node", "control", "edge", "http", "app", "wire"})
    void packagesOfARoomHaveNoCycles(String room) {
        slices().matching("dev.holt." + room + ".(*)..")
                .should()
                .beFreeOfCycles()
                .allowEmptyShould(true)
                .check(CLASSES);
    }

    @Test
    void onlyTheServerPackageSeesTheRoomsFromAbove() {
        noClasses()
                .that()
                .resideInAPackage("dev.holt.app..")
                .and()
                .resideOutsideOfPackage("dev.holt.app.server..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("dev.holt.control..", "dev.holt.edge..")
                .check(CLASSES);
    }

    @Test
    void nothingStaticChanges() {
        fields().that()
                .areStatic()
                .and()
                .areDeclaredInClassesThat()
                .resideOutsideOfPackages("dev.holt.wire.process..", "dev.holt.wire.filesystem..")
                .should()
                .beFinal()
                .because("static state is shared by every node, team and test of a process")
                .check(CLASSES);
    }

    @Test
    void noClassPrintsBesidesTheCommandLine() {
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.holt.app..")
                .should()
                .accessField(System.class, "out")
                .orShould()
                .accessField(System.class, "err")
                .check(CLASSES);
    }
}
