//! The parameters of JDBC URLs that mean nothing to this program.

/// Parameters of these drivers that change nothing here, in lower case.
const HARMLESS: &str = "\
    allowloadlocalinfile allowloadlocalinfileinpath allowlocalinfile allowmasterdownconnections \
    allowmultiqueries allownanandinf allowreplicadownconnections allowslavedownconnections \
    allowsourcedownconnections allowurlinlocalinfile alwayssendsetisolation applicationname \
    assumeminserverversion assurereadonly authenticationfidocallbackhandler \
    authenticationopenidconnectcallbackhandler authenticationplugins \
    authenticationwebauthncallbackhandler autoclosepstmtstreams autocommit autodeserialize \
    autogeneratetestcasescript autoreconnect autoreconnectforpools autosave autoslowlog binarytransfer \
    blanktablenamemeta blobsarestrings blobsendchunksize cachecallablestmts cachedefaulttimezone \
    cacheprepstmts cacheresultsetmetadata cacheserverconfiguration callablestmtcachesize \
    characterencoding charactersetresults cleanupsavepoints clientcertificatekeystorepassword \
    clientcertificatekeystoretype clientinfoprovider clobberstreamingresults clobcharacterencoding \
    compensateonduplicatekeyupdatecounts connectionattributes connectioncollation \
    connectionlifecycleinterceptors connectiontimezone continuebatchonerror createdatabaseifnotexist \
    credentialtype customcharsetmapping databasemetadatacachefields databasemetadatacachefieldsmib \
    databaseterm defaultauthenticationplugin defaultfetchsize defaultrowfetchsize \
    defaulttransactionisolation detectcustomcollations disablecolumnsanitiser disablepipeline dnssrv \
    dontrackopenresources dumpqueriesonexception elidesetautocommits emptystringsconverttozero \
    emulatelocators emulateunsupportedpstmts enableescapeprocessing enablepacketdebug \
    enablequerytimeouts ensuresocketstate escapesyntaxcallmode exceptioninterceptors explainslowqueries \
    failoverreadonly fallbacktosystemkeystore fallbacktosystemtruststore \
    forceconnectiontimezonetosession functionsneverreturnblobs galeraallowedstate gatherperfmetrics \
    generatesimpleparametermetadata geometrydefaulttype getproceduresreturnsfunctions ha.enablejmx \
    ha.loadbalancestrategy haenablejmx holdresultsopenoverstatementclose hostrecheckseconds \
    ignorenontxtables includeinnodbstatusindeadlockexceptions includethreaddumpindeadlockexceptions \
    includethreadnamesasstatementcomment initialtimeout initsql interactiveclient interactivetimeout \
    jaasapplicationname jdbccomplianttruncation keymanagerfactoryprovider keypassword keystorepassword \
    keystoreprovider keystoretype largerowsizethreshold ldapserverhostname \
    loadbalanceautocommitstatementregex loadbalanceautocommitstatementthreshold \
    loadbalanceblacklisttimeout loadbalanceblocklisttimeout loadbalanceconnectiongroup \
    loadbalanceexceptionchecker loadbalancehostremovalgraceperiod loadbalancehosts \
    loadbalancepingtimeout loadbalancesqlexceptionsubclassfailover loadbalancesqlstatefailover \
    loadbalancestrategy loadbalancevalidateconnectiononswapserver localsocketaddress \
    locatorfetchbuffersize log logger loggerfile loggerlevel logslowqueries logxacommands \
    maintaintimestats maxallowedpacket maxbytearrayashex maxidletime maxpoolsize maxquerysizetolog \
    maxreconnects maxrows metadatacachesize metaexportedkeys minpoolsize nettimeoutforstreamingresults \
    noaccesstoprocedurebodies nodatetimestringsync nullableresultset nullcatalogmeanscurrent \
    nulldatabasemeanscurrent nullnamepatternmatchesall ociconfigfile ociconfigprofile \
    oldmodenoprecisiontimestamp opentelemetry overridesupportsintegrityenhancementfacility \
    packetdebugbuffersize padcharswithspace paranoid password1 password2 password3 \
    passwordcharacterencoding pedantic permitmysqlscheme permitnoresults permitredirect \
    pinglobaltxtophysicalconnection pool poolname poolvalidmindelay populateinsertrowwithdefaultvalues \
    preferquerymode preparedstatementcachequeries preparedstatementcachesizemib \
    preparestatementcachesize preparethreshold prepstmtcachesize prepstmtcachesqllimit preserveinstants \
    preservinstants processescapecodesforprepstmts profilereventhandler profilesql \
    queriesbeforeretrymaster queryinfocachefactory queryinterceptors querytimeout \
    querytimeoutkillsconnection quotereturningidentifiers readfrommasternoslaves \
    readfrommasterwhennoslaves readfromsourcewhennoreplicas readonly readonlymode \
    readonlypropagatestoserver receivebuffersize reconnectattxend registerjmxpool relaxautocommit \
    replicationconnectiongroup reportmetricsintervalmillis resourceid resultsetsizethreshold \
    retriesalldown returnmultivaluesgeneratedids rewritebatchedinserts rewritebatchedstatements \
    rollbackonpooledclose roundrobinloadbalance scrolltolerantforwardonly secondsbeforeretrymaster \
    selfdestructonpingmaxoperations selfdestructonpingsecondslifetime sendbuffersize \
    sendfractionalseconds sendfractionalsecondsfortime serveraffinityorder serverconfigcachefactory \
    servertimezone serviceprincipalname sessionvariables slowquerythresholdmillis socksproxyport \
    socksproxyremotedns statementinterceptors staticglobal strictupdates stringtype targetservertype \
    tcpabortiveclose tcpkeepalive tcpkeepcount tcpkeepidle tcpkeepinterval tcpnodelay tcprcvbuf \
    tcpsndbuf tcptrafficclass timezone tinyint1isbit traceprotocol tracksessionstate \
    transactionisolation transactionreplay transactionreplaysize transformedbitisboolean \
    treatmysqldatetimeastimestamp treatutildateastimestamp trustcertificatekeystorepassword \
    trustcertificatekeystoretype truststorepassword truststoretype ultradevhack unknownlength \
    useaffectedrows usebatchmultisend usebatchmultisendnumber usebulkstmts usebulkstmtsforinserts \
    usecatalogterm usecolumnnamesinfindcolumn usecompression useconfigs usecursorfetch \
    usefractionalseconds usegmtmillisfortimestamps usehostsinprivileges useinformationschema \
    usejdbccomplianttimezoneshift usejvmcharsetconverters uselegacydatetimecode uselocalsessionstate \
    uselocaltransactionstate usemysqlmetadata usenanosforelapsedtime useoldaliasmetadatabehavior \
    useonlyservererrormessages usepipelineauth usereadaheadinput useresetconnection useserverprepstmts \
    usesqlstatecodes usesspscompatibletimezoneshift usestreamlengthsinprepstmts usetimezone \
    useultradevworkaround useunbufferedinput useunicode useusageadvisor uuidasstring \
    validconnectiontimeout yearisdatetype zerodatetimebehavior zerodatetimesbehavior";

/// Whether a parameter, in lower case, is one of them.
pub(super) fn is_harmless(name: &str) -> bool {
    HARMLESS.split_whitespace().any(|known| known == name)
}
