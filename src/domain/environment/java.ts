import { GATHER_REPORTS, MISSING_REPORT } from './perlReports.ts'
import { emptyRecipe, type Recipe, type RecipeInput } from './recipe.ts'

/** Whether there is a Maven or Gradle build. */
export function isJava(paths: readonly string[]): boolean {
  return paths.some((path) => /^(?:pom\.xml|build\.gradle(?:\.kts)?)$/.test(path))
}

/** The files that {@link planJava} reads. */
export function javaFiles(paths: readonly string[]): string[] {
  return paths.filter((path) =>
    /^(?:pom\.xml|build\.gradle(?:\.kts)?|gradle\/wrapper\/gradle-wrapper\.properties)$/.test(path),
  )
}

/** Java by Debian's JDK, with Maven of Debian's or Gradle by the repository's wrapper; dependencies as the build pins them. */
export function planJava(input: RecipeInput): Recipe {
  const { files, findings } = input
  const isMaven = files.has('pom.xml')
  const recipe = emptyRecipe(isMaven ? 'java-maven' : 'java-gradle', `sh /opt/prchain/bin/java-test {report} {files}`)
  recipe.scripts = {
    'java-test': isMaven ? MAVEN_TEST : GRADLE_TEST,
    'gather-reports.pl': GATHER_REPORTS,
    'missing-report.pl': MISSING_REPORT,
    'TrustStore.java': TRUST_STORE,
  }
  recipe.toolchain = [
    '[ ! -f /opt/prchain/ca.pem ] || java /opt/prchain/bin/TrustStore.java /opt/prchain/ca.pem /opt/prchain/trust.p12',
  ]
  const trust =
    'if [ -f /opt/prchain/trust.p12 ]; then export JAVA_TOOL_OPTIONS="-Djavax.net.ssl.trustStore=/opt/prchain/trust.p12 -Djavax.net.ssl.trustStorePassword=changeit"; fi'
  recipe.isIncremental = true
  recipe.notes = [
    `Java is Debian’s own JDK${findings.versions.java ? `, whatever CI’s ${findings.versions.java.join(', ')}` : ''}; not dated.`,
    'Dependencies are those that the build names; version ranges and snapshots are not dated.',
  ]
  if (isMaven) planMaven()
  else planGradle()
  recipe.build.push('rm -f /opt/prchain/trust.p12')
  return recipe

  function planMaven(): void {
    recipe.packages = ['default-jdk-headless', 'maven']
    recipe.buildEnv = { MAVEN_OPTS: '-Dmaven.repo.local=/opt/m2' }
    // A real run of the tests, since what runs them is fetched only then.
    recipe.build.push(
      `${trust}; mvn -B -q test-compile`,
      `${trust}; timeout 1200 mvn -B test -Dmaven.test.failure.ignore=true -fae > /tmp/mvn.log 2>&1 || tail -50 /tmp/mvn.log; rm -f /tmp/mvn.log`,
      `printf '%s\\n' '<settings><localRepository>/opt/m2</localRepository><offline>true</offline></settings>' > /opt/prchain/settings.xml`,
    )
    recipe.env = { MAVEN_OPTS: '-Dmaven.repo.local=/opt/m2' }
    recipe.writable = ['/opt/m2']
  }

  function planGradle(): void {
    const hasWrapper = files.has('gradle/wrapper/gradle-wrapper.properties') && files.paths.includes('gradlew')
    recipe.packages = ['default-jdk-headless', ...(hasWrapper ? [] : ['gradle'])]
    const gradle = hasWrapper ? 'sh ./gradlew' : 'gradle'
    recipe.notes.push(hasWrapper ? 'Gradle is the wrapper’s.' : 'Gradle is Debian’s own.')
    recipe.buildEnv = { GRADLE_USER_HOME: '/opt/gradle' }
    recipe.env = { GRADLE_USER_HOME: '/opt/gradle', PRCHAIN_GRADLE: gradle }
    recipe.build.push(
      `${trust}; ${gradle} --no-daemon testClasses`,
      `${trust}; timeout 1200 ${gradle} --no-daemon test --continue > /tmp/gradle.log 2>&1 || tail -50 /tmp/gradle.log; rm -f /tmp/gradle.log`,
    )
    recipe.writable = ['/opt/gradle']
  }
}

const CLASSES = `classes=
for file; do
  case "$file" in
    */src/test/*|src/test/*|*Test.java|*Tests.java|*TestCase.java) name=\${file##*/}; classes="$classes,\${name%.*}" ;;
  esac
done
classes=\${classes#,}`

const MAVEN_TEST = `report=$1
shift
cd /repo
${CLASSES}
find . -path '*/surefire-reports/*.xml' -delete
mvn -B -o -gs /opt/prchain/settings.xml test -fae \${classes:+-Dtest=$classes} -DfailIfNoTests=false -Dsurefire.failIfNoSpecifiedTests=false > /tmp/mvn.log 2>&1
code=$?
cat /tmp/mvn.log
find . -path '*/surefire-reports/TEST-*.xml' | sort | xargs -r perl /opt/prchain/bin/gather-reports.pl "$report"
perl /opt/prchain/bin/missing-report.pl "$report" /tmp/mvn.log
exit $code
`

const GRADLE_TEST = `report=$1
shift
cd /repo
${CLASSES}
set --
for class in $(echo "$classes" | tr ',' ' '); do set -- "$@" --tests "*$class"; done
find . -path '*/build/test-results/*.xml' -delete
$PRCHAIN_GRADLE --no-daemon --offline test --continue "$@" > /tmp/gradle.log 2>&1
code=$?
cat /tmp/gradle.log
find . -path '*/build/test-results/*/TEST-*.xml' -o -path '*/build/test-results/TEST-*.xml' | sort | xargs -r perl /opt/prchain/bin/gather-reports.pl "$report"
perl /opt/prchain/bin/missing-report.pl "$report" /tmp/gradle.log
exit $code
`

/** Java does not read certificates as PEM: a key store of them, for the build alone. */
const TRUST_STORE = `import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;

class TrustStore {
  public static void main(String[] paths) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    int count = 0;
    try (FileInputStream in = new FileInputStream(paths[0])) {
      for (Certificate certificate : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
        store.setCertificateEntry("ca" + count++, certificate);
      }
    }
    try (FileOutputStream out = new FileOutputStream(paths[1])) {
      store.store(out, "changeit".toCharArray());
    }
  }
}
`
